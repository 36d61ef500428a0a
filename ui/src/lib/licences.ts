// What others wrote and Praya's programs contain: the list that `cargo xtask licences` writes.

export type Component = {
  /** Name, version, and where it is from. */
  name: string;
  /** An SPDX expression. */
  licence: string;
  notices: string[];
  texts: string[];
};

/** Reads the list, which is larger than the window and therefore a file of its own. */
export async function components(): Promise<Component[]> {
  const { default: list } = await import("../../../installers/THIRD-PARTY.txt?raw");
  return read(list);
}

export function read(list: string): Component[] {
  const [head = "", ...texts] = list.split(/^=+ Text \d+ =+$/m);
  const entries = head.matchAll(/^(\S.*)\n {4}(.+)\n {4}Texts: ([\d, ]+)\n((?: {4}.+\n)*)/gm);
  return Array.from(entries, ([, name = "", licence = "", numbers = "", notices = ""]) => ({
    name,
    licence,
    notices: notices.split("\n").flatMap((line) => line.trim() || []),
    texts: numbers
      .split(", ")
      .flatMap((number) => texts[Number(number) - 1]?.replace(/^\n+|\n+$/g, "") ?? []),
  }));
}
