// Numbers and times as a person reads them: the same rules as in the tray and on the command line. The words are in
// the locale files; here is only what is counted.

const UNITS = ["KB", "MB", "GB", "TB", "PB"] as const;

/** Bytes with two decimals and a binary unit, `23.55 KB` (B-16, B-17); below 1 KB they are whole. */
export function bytes(count: number, decimalSeparator: string): string {
  const whole = Math.max(0, Math.floor(count));
  if (whole < 1024) {
    return `${whole} B`;
  }
  let size = 1024;
  for (const [at, unit] of UNITS.entries()) {
    const hundredths = Math.round((whole / size) * 100);
    // What would be printed as 1024.00 belongs to the next unit.
    if (hundredths < 1024 * 100 || at === UNITS.length - 1) {
      const rest = String(hundredths % 100).padStart(2, "0");
      return `${Math.floor(hundredths / 100)}${decimalSeparator}${rest} ${unit}`;
    }
    size *= 1024;
  }
  return "";
}

/** Whole seconds as HH:MM:SS (B-17); hours go on beyond 99. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

export type Part = { unit: "seconds" | "minutes" | "hours" | "days"; n: number };

/** The two largest units of a span: seconds below a minute, minutes and seconds below an hour, hours and minutes
 * below two days, days and hours above. A second part of 0 is left out. */
export function spanParts(seconds: number): Part[] {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  let parts: [Part, Part?];
  if (whole < 60) {
    parts = [{ unit: "seconds", n: whole }];
  } else if (hours < 1) {
    parts = [
      { unit: "minutes", n: minutes },
      { unit: "seconds", n: whole % 60 },
    ];
  } else if (hours < 48) {
    parts = [
      { unit: "hours", n: hours },
      { unit: "minutes", n: minutes % 60 },
    ];
  } else {
    parts = [
      { unit: "days", n: Math.floor(hours / 24) },
      { unit: "hours", n: hours % 24 },
    ];
  }
  return parts.filter((part, at): part is Part => part !== undefined && (at === 0 || part.n > 0));
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] as const;
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** What the message `date-time` gets: text only, in this machine's time zone. */
export function dateParts(unixSeconds: number): Record<string, string> | undefined {
  const date = new Date(unixSeconds * 1000);
  if (Number.isNaN(date.getTime())) {
    return undefined;
  }
  const hour = date.getHours();
  return {
    year: String(date.getFullYear()),
    month: String(date.getMonth() + 1),
    month2: two(date.getMonth() + 1),
    day: String(date.getDate()),
    day2: two(date.getDate()),
    hour2: two(hour),
    hour12: String(hour % 12 === 0 ? 12 : hour % 12),
    minute2: two(date.getMinutes()),
    month_name: MONTHS[date.getMonth()] ?? "jan",
    weekday: WEEKDAYS[date.getDay()] ?? "sun",
    period: hour < 5 ? "night" : hour < 12 ? "am" : "pm",
  };
}

function two(part: number): string {
  return String(part).padStart(2, "0");
}
