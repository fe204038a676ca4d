// The training loss, step by step, as it falls.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { LossPoint } from "../generated";
import { count } from "../words/figures";

const HEIGHT = 180;

export function Curve({ losses }: { losses: LossPoint[] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef(losses);
  shown.current = losses;
  useEffect(() => {
    if (!place.current) return;
    const element = place.current;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsFor(element), dataOf(shown.current), element);
    };
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    draw();
    sizes.observe(element);
    scheme.addEventListener("change", draw);
    return () => {
      sizes.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(losses)), [losses]);
  return (
    <figure class="curve">
      <div ref={place} role="img" aria-label={`Loss curve. ${summary(losses)}`} />
      <figcaption>{summary(losses)}</figcaption>
    </figure>
  );
}

function summary(losses: LossPoint[]): string {
  const [first, last] = [losses[0], losses.at(-1)];
  if (!first || !last) return "No step was taken yet.";
  return `Loss ${last.loss.toFixed(2)} after ${count(last.step, "step")}; it began at ${first.loss.toFixed(2)}.`;
}

function dataOf(losses: LossPoint[]): uPlot.AlignedData {
  return [losses.map((point) => point.step), losses.map((point) => point.loss)];
}

function optionsFor(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const [accent, quiet, line] = ["--accent", "--quiet", "--line"].map((name) => style.getPropertyValue(name));
  const axis = { stroke: quiet, font: "12px system-ui, sans-serif", grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false } },
    axes: [
      { ...axis, grid: { show: false }, size: 28, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] },
      { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => tick.toFixed(tick < 1 ? 2 : 1)) },
    ],
    series: [{}, { stroke: accent, width: 2, points: { show: false } }],
  };
}
