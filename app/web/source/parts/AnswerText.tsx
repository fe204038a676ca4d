// An answer's words as they come; shaded by how much of each came from memory, if that is wished for.
import { useMemo } from "preact/hooks";
import type { Piece } from "../state/exchange";
import { percent } from "../words/figures";

interface Wishes {
  pieces: Piece[];
  isShaded: boolean;
  isOver: boolean;
}

export function AnswerText({ pieces, isShaded, isOver }: Wishes) {
  const text = pieces.map((piece) => piece.text).join("");
  return (
    <div class="answer" aria-busy={!isOver}>
      {isShaded ? <Shaded pieces={pieces} /> : <p>{text}</p>}
      {isOver && !text.trim() && <p class="quiet">The model said nothing.</p>}
    </div>
  );
}

function Shaded({ pieces }: { pieces: Piece[] }) {
  const [least, most] = useMemo(() => rangeOf(pieces), [pieces]);
  const span = most - least || 1;
  return (
    <>
      <p>
        {pieces.map(({ text, share }, place) =>
          share === null ? (
            text
          ) : (
            <span
              key={place}
              class="token"
              title={`memory ${percent(share)}`}
              style={{ "--memory": `${Math.round(((share - least) / span) * 100)}%` }}
            >
              {text}
            </span>
          ),
        )}
      </p>
      <p class="legend">
        <span class="ramp" aria-hidden="true" /> Memory's share by token, from {percent(least)} to {percent(most)}.
      </p>
    </>
  );
}

function rangeOf(pieces: Piece[]): [number, number] {
  const shares = pieces.flatMap(({ share }) => (share === null ? [] : [share]));
  return shares.length ? [Math.min(...shares), Math.max(...shares)] : [0, 0];
}
