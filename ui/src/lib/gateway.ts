// What a person types about a gateway, checked while it can still be put right; the same rules as
// `praya_model::profile`. The service judges for good.

/** Characters that leave no mark, or turn those around them; the last is the blank braille pattern. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** A name of 1 to 64 characters that can be seen, without slashes. */
export function isProfileName(text: string): boolean {
  const short = text !== "" && Array.from(text).length <= 64;
  return short && text.trim() === text && !UNSEEN.test(text) && !/[/\\]/.test(text);
}

/** An address as failures name its gateway: `host:port`. */
export function hostPort(address: string): string {
  const { hostname, port } = new URL(address);
  return `${hostname}:${port || "443"}`;
}

/** `host[:port][/path]` or `https://host[:port][/path]`. */
export function isGatewayAddress(text: string): boolean {
  if (text.length > 1024) {
    return false;
  }
  const scheme = text.indexOf("://");
  if (scheme >= 0 && text.slice(0, scheme).toLowerCase() !== "https") {
    return false;
  }
  const rest = scheme >= 0 ? text.slice(scheme + 3) : text;
  const slash = rest.indexOf("/");
  const authority = slash >= 0 ? rest.slice(0, slash) : rest;
  const path = slash >= 0 ? rest.slice(slash) : "/";
  if (!/^[!-~]*$/.test(path) || /[?#\\]/.test(path)) {
    return false;
  }
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*))(?::([0-9]+))?$/.exec(authority);
  if (!parts) {
    return false;
  }
  const [, six, name, port] = parts;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) {
    return false;
  }
  return six !== undefined ? isIpv6(six) : isHostName(name ?? "");
}

/** `pin-sha256:` and the base64 of exactly 32 bytes. */
export function isPin(text: string): boolean {
  return /^pin-sha256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

function isHostName(text: string): boolean {
  return (
    text.length > 0 &&
    text.length <= 253 &&
    text.split(".").every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label))
  );
}

function isIpv6(text: string): boolean {
  try {
    return new URL(`https://[${text}]/`).hostname !== "";
  } catch {
    return false;
  }
}
