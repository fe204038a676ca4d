// Figures as people read them.
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DATE = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export function count(number: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(number)} ${number === 1 ? one : many}`;
}

export function bytes(size: number): string {
  if (size < 1024) return count(size, "byte");
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let amount = size / 1024;
  let unit = 0;
  while (amount >= 1023.5 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  const digits = amount < 9.95 ? 1 : 0;
  return `${amount.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

/** A length of time, as exact as anybody wants it. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

export function percent(share: number): string {
  const amount = share * 100;
  if (amount > 0 && amount < 0.1) return "under 0.1 %";
  return `${amount < 9.95 ? amount.toFixed(1).replace(/\.0$/, "") : Math.round(amount)} %`;
}

/** Return what a share leaves, as exact as the share is told, so that both make 100 %. */
export function rest(share: number): string {
  const told = percent(share);
  if (told.startsWith("under")) return "over 99.9 %";
  const left = 100 - parseFloat(told);
  return `${left.toFixed(told.includes(".") ? 1 : 0)} %`;
}

export function nats(value: number): string {
  return value.toFixed(2).replace("-", "−");
}

export function moment(iso: string): string {
  return DATE.format(new Date(iso));
}

export function number(value: number): string {
  return NUMBER.format(value);
}
