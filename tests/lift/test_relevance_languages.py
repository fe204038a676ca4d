"""Which questions concern a document in other languages than English."""

import pytest

from app.lift.presets import PRESETS
from app.lift.relevance import Relevance

LEAST = PRESETS["balanced"].least_relatedness

JAPANESE = (
    "むかし、川のほとりに古い水車小屋がありました。水車は一八三二年にテッサ・ヴァールという若い大"
    "工が建てたものです。車輪は一本の樫の木から作られ、冬になると川が凍って止まりました。粉屋のオ"
    "ーリンは町のパン屋に小麦粉を売り、毎朝ろばに袋を積んで坂道を下りました。ある秋、洪水で橋が流"
    "され、村人たちは新しい橋を架けるために三日三晩働きました。テッサの娘は後に水車小屋を博物館に"
    "して、今では子どもたちが粉ひきを見学に訪れます。"
)
CHINESE = (
    "从前，河边有一座古老的水磨坊。水车是木匠特莎在一八三二年建造的，轮子用一整棵橡树做成。冬天河"
    "水结冰，水车就停了下来。磨坊主奥林把面粉卖给城里的面包师，每天早晨用驴子驮着袋子下山。有一年"
    "秋天，洪水冲走了桥，村民们花了三天三夜修建新桥。后来特莎的女儿把磨坊改成了博物馆，现在孩子们"
    "来参观磨面。"
)
KOREAN = (
    "옛날 강가에 오래된 물레방앗간이 있었다. 물레방아는 1832년에 목수 테사가 "
    "지었고, 바퀴는 참나무 한 그루로 만들었다. 겨울에는 강이 얼어 물레방아가 "
    "멈추었다. 방앗간 주인 오린은 마을 빵집에 밀가루를 팔았고, 매일 아침 당나귀에 "
    "자루를 싣고 언덕을 내려갔다. 어느 가을 홍수로 다리가 떠내려가자 마을 사람들은 "
    "사흘 밤낮으로 새 다리를 놓았다."
)
THAI = (
    "กาลครั้งหนึ่ง มีโรงสีน้ำเก่าแก่ตั้งอยู่ริมแม่น้ำ กังหันน้ำสร้างโดยช่างไม้ชื่อเทสซ่าในปี "
    "1832 ล้อทำจากไม้โอ๊กทั้งต้น ในฤดูหนาวแม่น้ำกลายเป็นน้ำแข็งและกังหันก็หยุดหมุน "
    "เจ้าของโรงสีขายแป้งให้คนทำขนมปังในเมือง"
)
HINDI = (
    "एक समय की बात है, नदी के किनारे एक पुरानी पनचक्की थी। पनचक्की को बढ़ई टेसा ने 1832 में "
    "बनाया था और उसका पहिया ओक के एक ही पेड़ से बना था। सर्दियों में नदी जम जाती थी और पहिया "
    "रुक जाता था। चक्की का मालिक शहर के नानबाई को आटा बेचता था।"
)
GERMAN = (
    "Am Fluss stand eine alte Mühle. Der Zimmermann Tessa Vaal baute sie im Jahr 1832, und "
    "ihr Rad ist aus einer einzigen Eiche. Im Winter gefror der Fluss, und das Rad stand "
    "still. Der Müller verkaufte sein Mehl an die Bäcker der Stadt und ging jeden Morgen mit "
    "dem Esel den Hügel hinab. In einem Herbst riss die Flut die Brücke fort, und die Leute "
    "im Dorf bauten drei Tage und drei Nächte an einer neuen. Später machte Tessas Tochter "
    "aus der Mühle ein Museum."
)
FRENCH = (
    "Au bord de la rivière se dressait un vieux moulin. Le charpentier Tessa Vaal le "
    "construisit en 1832, et sa roue est faite d'un seul chêne. En hiver la rivière gelait "
    "et la roue s'arrêtait. Le meunier vendait sa farine aux boulangers de la ville et "
    "descendait chaque matin la colline avec son âne."
)
RUSSIAN = (
    "На берегу реки стояла старая мельница. Плотник Тесса построил её в 1832 году, а колесо "
    "сделано из одного дуба. Зимой река замерзала, и колесо останавливалось. Мельник "
    "продавал муку пекарям города."
)
"""A mill by a river, its wheel and its miller, in each of them."""


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (JAPANESE, "水車は誰が建てましたか"),
        (JAPANESE, "粉屋は何を売りましたか"),
        (JAPANESE, "橋はなぜ流されたのですか"),
        (CHINESE, "水车是谁建造的？"),
        (CHINESE, "磨坊主把面粉卖给谁？"),
        (CHINESE, "洪水冲走了什么？"),
        (KOREAN, "물레방아는 누가 지었는가?"),
        (KOREAN, "방앗간 주인은 무엇을 팔았나?"),
        (KOREAN, "다리는 왜 떠내려갔나?"),
        (THAI, "ใครสร้างกังหันน้ำ"),
        (THAI, "เจ้าของโรงสีขายอะไร"),
        (HINDI, "पनचक्की किसने बनाई?"),
        (HINDI, "चक्की का मालिक क्या बेचता था?"),
        (GERMAN, "Wer baute die Mühle?"),
        (GERMAN, "Was verkaufte der Müller?"),
        (GERMAN, "Was riss die Flut fort?"),
        (FRENCH, "Qui a construit le moulin ?"),
        (FRENCH, "Que vendait le meunier ?"),
        (RUSSIAN, "Кто построил мельницу?"),
        (RUSSIAN, "Что продавал мельник?"),
    ],
)
def test_own_questions_are_related(text: str, question: str) -> None:
    """Where no spaces part words, by pairs of letters; particles and vowel signs do not hinder."""
    assert Relevance.of(text).probability(question) > LEAST


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (JAPANESE, "日本の首都はどこですか"),
        (JAPANESE, "モナ・リザを描いたのは誰ですか"),
        (JAPANESE, "光の速さはどのくらいですか"),
        (JAPANESE, "水はなぜ氷になると軽くなるのですか"),
        (JAPANESE, "第二次世界大戦はいつ始まりましたか"),
        (CHINESE, "日本的首都是哪里？"),
        (CHINESE, "中国最长的河是哪一条？"),
        (CHINESE, "光的速度是多少？"),
        (CHINESE, "谁画了蒙娜丽莎？"),
        (KOREAN, "일본의 수도는 어디인가?"),
        (KOREAN, "빛의 속도는 얼마인가?"),
        (KOREAN, "모나리자를 그린 사람은 누구인가?"),
        (THAI, "เมืองหลวงของญี่ปุ่นคืออะไร"),
        (THAI, "ใครวาดภาพโมนาลิซา"),
        (THAI, "ความเร็วแสงเท่าไร"),
        (HINDI, "जापान की राजधानी क्या है?"),
        (HINDI, "सूरज पृथ्वी से कितना दूर है?"),
        (GERMAN, "Was ist die Hauptstadt von Japan?"),
        (GERMAN, "Was können Pinguine nicht?"),
        (GERMAN, "Was konnen Pinguine nicht?"),
        (GERMAN, "Wie viele Walder hat Brasilien?"),
        (GERMAN, "Wie viele Wälder hat Brasilien?"),
        (GERMAN, "Wann begann der zweite Weltkrieg?"),
        (FRENCH, "Quelle était la première capitale du Japon ?"),
        (FRENCH, "Quelle etait la premiere capitale du Japon ?"),
        (FRENCH, "En quelle année Mozart est-il né ?"),
        (FRENCH, "En quelle annee Mozart est-il ne ?"),
        (RUSSIAN, "Какая столица Японии?"),
        (RUSSIAN, "Когда началась вторая мировая война?"),
    ],
)
def test_general_questions_are_not(text: str, question: str) -> None:
    """Though they share everyday words with it, with their accents or without."""
    assert Relevance.of(text).probability(question) < LEAST
