// What is done to what a person types.

import { expect, test } from "vitest";
import { codeIn, foldAccount, foldCode, foldDigits, foldPin, foldSearch } from "../src/lib/fold";
import { hostPort, isGatewayAddress, isPin, isProfileName } from "../src/lib/gateway";

test("full-width accounts and codes become plain", () => {
  expect(foldAccount("　ｗｏｎｇ＠ｌａｂ ")).toBe("wong@lab");
  expect(foldAccount("Wong")).toBe("Wong");
  expect(foldCode(" １２３ ４５６ ")).toBe("123456");
  expect(foldCode("123-456")).toBe("123456");
});

test.each([
  ["123456", "123456"],
  [" １２３ 456\n", "123456"],
  ["123-456", "123456"],
  ["Your code is 123456.", "123456"],
  ["驗證碼：123456（60 秒內有效）", "123456"],
  ["12345", undefined],
  ["1234567", undefined],
  ["code 1234567", undefined],
  ["123456 or 654321", undefined],
  ["123456 654321", undefined],
  ["Your code is abcdef", undefined],
  ["", undefined],
])("the code in %j is %j", (text, code) => {
  expect(codeIn(text, 6)).toBe(code);
});

test("only digits are typed into a code", () => {
  expect(foldDigits("a１ 2-b3")).toBe("123");
});

test("a key may be pasted with the line breaks of a letter", () => {
  expect(foldPin(" pin-sha256:AAAA\n  BBBB= ")).toBe("pin-sha256:AAAABBBB=");
});

test("a search takes no notice of case, width and accents", () => {
  expect(foldSearch(" Técnicas ＡＢＣ")).toBe("tecnicas abc");
});

test.each([
  "vpn.example.org",
  "https://VPN.example.org/staff",
  "HTTPS://10.0.0.1:8443",
  "https://[2001:DB8::1]:444/",
  "https://vpn.example.org:443",
])("%s is a gateway's address", (text) => {
  expect(isGatewayAddress(text)).toBe(true);
});

test.each([
  "http://vpn.example.org",
  "ftp://vpn.example.org",
  "",
  "https://",
  "https://user@vpn.example.org",
  "https://vpn.example.org:0",
  "https://vpn.example.org:70000",
  "https://vpn.example.org:+1",
  "https://vpn..org",
  "https://[::1",
  "https://2001:db8::1",
  "https://vpn.example.org/?q=1",
  "https://vpn.example.org/a b",
  "https://vpn.example.org\r\nX: y",
])("%j is no gateway's address", (text) => {
  expect(isGatewayAddress(text)).toBe(false);
});

test("a pin is the base64 of exactly 32 bytes", () => {
  expect(isPin("pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")).toBe(true);
  for (const bad of [
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
    "pin-sha256:AAAA",
    "pin-sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
  ]) {
    expect(isPin(bad), bad).toBe(false);
  }
});

test.each([
  ["https://vpn.example.org/staff", "vpn.example.org:443"],
  ["https://vpn.example.org:8443/", "vpn.example.org:8443"],
  ["https://[2001:db8::1]/", "[2001:db8::1]:443"],
])("%s is the gateway that failures name %s", (address, named) => {
  expect(hostPort(address)).toBe(named);
});

test("B-22: profile names are short plain texts", () => {
  expect(isProfileName("TCC-VPN")).toBe(true);
  expect(isProfileName("公司")).toBe(true);
  const unseen = "\u00ad\u200b\u200d\u202e\u2028\u2066\u2800\u3164\ufe0f\ufeff\u{e0041}";
  const unclear = Array.from(unseen, (character) => `Off${character}ice`);
  for (const bad of ["", " a", "a\n", "a/b", "x".repeat(65), ...unclear]) {
    expect(isProfileName(bad), bad).toBe(false);
  }
});
