// The quality report: whether the memory helps, in words and numbers, and how it was made.
import type { DocumentDetail, QualityView } from "../generated";
import { Curve } from "../parts/Curve";
import { losses } from "../state/following";
import { bytes, count, duration, moment, nats, number } from "../words/figures";
import { verdictOf } from "../words/quality";
import { Pairs } from "./Pairs";

export function Report({ document }: { document: DocumentDetail }) {
  const { adapter, quality } = document;
  return (
    <section class="report" aria-label="Quality report">
      <h2>Does the memory help?</h2>
      {adapter ? <Verdict quality={quality} /> : <p>There is no memory yet, so there is nothing to measure.</p>}
      {adapter && quality && quality.with_memory !== null && <Figures quality={quality} />}
      <h2>How it was made</h2>
      <Making document={document} />
      {losses.value.length > 1 && document.status !== "running" && <Curve losses={losses.value} />}
      <Pairs documentId={document.id} key={`${document.version}-${document.status}`} />
      <details>
        <summary>All settings of the method</summary>
        <dl class="settings">
          {Object.entries(document.method).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{String(value)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}

function Verdict({ quality }: { quality: QualityView | null }) {
  const { sentence, label, helps } = verdictOf(quality);
  return (
    <p class={`judgement ${helps === true ? "helps" : "doubtful"}`}>
      <strong>{label}.</strong> {sentence}
    </p>
  );
}

function Figures({ quality }: { quality: QualityView }) {
  const rows: Array<[string, number | null]> = [
    ["With this memory", quality.with_memory],
    ["Without any memory", quality.without_memory],
    ["With another document's memory", quality.with_other_memory],
  ];
  return (
    <table>
      <caption>
        Mean log-likelihood of the expected answers, in nats a token: nearer to 0 is likelier.
      </caption>
      <thead>
        <tr>
          <th scope="col">Answers asked for</th>
          <th scope="col">Log-likelihood</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value === null ? "not measured" : nats(value)}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">Gain, ± its standard error</th>
          <td>
            {quality.gain === null ? "not measured" : nats(quality.gain)}
            {quality.gain_standard_error === null ? "" : ` ± ${nats(quality.gain_standard_error)}`}
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function Making({ document }: { document: DocumentDetail }) {
  const { adapter } = document;
  const seconds = spent(document);
  const facts: Array<[string, string]> = [
    ["Preset", document.preset],
    ["Version", number(adapter?.version ?? document.version)],
    ["Text", document.num_tokens === null ? "not read yet" : count(document.num_tokens, "token")],
    ["Upload", bytes(document.size_bytes)],
    ...(seconds === null ? [] : [["Took", duration(seconds)] as [string, string]]),
    ...(adapter ? [["Memory", `${bytes(adapter.size_bytes)}, ${moment(adapter.created_at)}`] as [string, string]] : []),
    ["Steps", number(losses.value.at(-1)?.step ?? 0)],
  ];
  return (
    <dl class="making">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function spent({ started_at: started, finished_at: finished }: DocumentDetail): number | null {
  if (!started || !finished) return null;
  return (Date.parse(finished) - Date.parse(started)) / 1000;
}
