// How far something is, as a bar with words.
interface Wishes {
  label: string;
  value: number;
  total: number;
  words?: string;
}

export function Bar({ label, value, total, words }: Wishes) {
  const share = total > 0 ? Math.min(1, value / total) : 0;
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      aria-valuetext={words}
    >
      <div class="filled" style={{ inlineSize: `${share * 100}%` }} />
    </div>
  );
}
