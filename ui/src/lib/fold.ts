// What is done to a typed text before it is used; as `praya_desktop::fold`. Passwords never come here: they are sent
// as they were typed.

/** A token code: full-width digits become ordinary ones, white space and dashes within go. */
export function foldCode(text: string): string {
  return text.normalize("NFKC").replace(/[\s-]/g, "");
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
