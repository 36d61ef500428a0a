// What is done to a typed text before it is used; as `praya_desktop::fold`. Passwords never come here: they are sent
// as they were typed.

/** A token code: full-width digits become ordinary ones, white space and dashes within go. */
export function foldCode(text: string): string {
  return text.normalize("NFKC").replace(/[\s-]/g, "");
}

/** What of a typed text belongs into a code of digits: its digits, full-width ones made ordinary. */
export function foldDigits(text: string): string {
  return text.normalize("NFKC").replace(/[^0-9]/g, "");
}

/** The code of `digits` digits in a pasted text: all of it but white space and dashes, or the one run of so many
 * digits among other words; `undefined` where there is none, or more than one. */
export function codeIn(text: string, digits: number): string | undefined {
  const bare = foldCode(text);
  const found = /^[0-9]+$/.test(bare) ? [bare] : (text.normalize("NFKC").match(/[0-9]+/g) ?? []);
  const codes = found.filter((run) => run.length === digits);
  return codes.length === 1 ? codes[0] : undefined;
}

/** An account's name: full-width letters, digits and ＠ become ordinary ones, white space at the ends goes. */
export function foldAccount(text: string): string {
  return text.normalize("NFKC").trim();
}

/** For searching: as a person compares, without case, width and accents. */
export function foldSearch(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

/** A gateway's key as it was pasted or copied from paper: white space in it goes. */
export function foldPin(text: string): string {
  return text.normalize("NFKC").replace(/\s/g, "");
}
