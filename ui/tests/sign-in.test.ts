// The sign-in screen: account, password, and whom a gateway is believed to be.

import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import { FIXTURES } from "../src/mock/fixtures";
import { OTHER_PIN, PIN } from "../src/mock/states";
import { commandsOf, everything, field, open, press, settle, tell, type } from "./window";

describe("signing in", () => {
  test("the account is folded, the password is sent as typed and kept nowhere", async () => {
    const mock = await open(FIXTURES["sign-in"].app);
    await type(field("Account"), "　ｈａｒｋ．ｃｈｅｎ ");
    await type(field("Password"), " Ｐａｓｓ wörd ");
    await press("Sign in");
    expect(mock.calls.at(-1)).toEqual({
      command: "begin_sign_in",
      args: { target: { at: "profile", name: "TCC-VPN" }, account: "hark.chen", password: " Ｐａｓｓ wörd " },
    });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Enter the code");
    expect(everything()).not.toContain("wörd");
  });

  test("what is missing is said at its field, which gets the focus", async () => {
    const mock = await open(FIXTURES["sign-in"].app);
    await press("Sign in");
    const account = field("Account");
    expect(document.activeElement).toBe(account);
    expect(account.getAttribute("aria-invalid")).toBe("true");
    const described = account.getAttribute("aria-describedby")?.split(" ") ?? [];
    expect(described.map((id) => document.getElementById(id)?.textContent).join(" ")).toContain(
      "Type your account.",
    );
    expect(commandsOf(mock)).toEqual([]);
  });

  test("a wrong password is said, and the password is asked again on the same form", async () => {
    const mock = await open(FIXTURES.password.app);
    const heading = screen.getByRole("heading", { level: 1 });
    await type(field("Password"), "wrong-secret");
    await fireEvent.submit(field("Password"));
    expect(everything()).not.toContain("wrong-secret");
    expect(mock.calls.at(-1)?.args).toEqual({
      round: 1,
      answer: { answer: "password", account: null, password: "wrong-secret" },
    });
    await tell(FIXTURES.password.app);
    await tell(FIXTURES["password-wrong"].app);
    expect(screen.getByText("Wrong name or password.")).toBeTruthy();
    expect(screen.getByText("Support code: P3WV-8HJK")).toBeTruthy();
    expect(document.activeElement).toBe(field("Password"));
    expect(heading.textContent).toBe("Sign in to TCC-VPN");
  });

  test("A-41: another account in place of the refused one begins anew", async () => {
    const mock = await open(FIXTURES["password-wrong"].app);
    expect(field("Account").readOnly).toBe(false);
    await type(field("Account"), " ｗｏｎｇ ");
    await type(field("Password"), "Secret-of-wong");
    await press("Sign in");
    expect(mock.calls.slice(-2)).toEqual([
      { command: "cancel_sign_in", args: undefined },
      {
        command: "begin_sign_in",
        args: { target: { at: "profile", name: "TCC-VPN" }, account: "wong", password: "Secret-of-wong" },
      },
    ]);
    expect(everything()).not.toContain("Secret-of-wong");
  });

  test("the new attempt begins only when the old one is known to be over", async () => {
    const mock = await open(FIXTURES["password-wrong"].app);
    const handle = mock.handle.bind(mock);
    vi.spyOn(mock, "handle").mockImplementation((command, args) =>
      command === "cancel_sign_in" ? null : handle(command, args),
    );
    await type(field("Account"), "wong");
    await type(field("Password"), "Secret-of-wong");
    await press("Sign in");
    expect(commandsOf(mock)).toEqual([]);
    await tell(FIXTURES["sign-in"].app);
    expect(commandsOf(mock)).toEqual(["begin_sign_in"]);
  });

  test("the form stays while the first question is awaited", async () => {
    await open(FIXTURES["sign-in"].app);
    const account = field("Account");
    const { app } = FIXTURES.password;
    const sign_in = { round: 0, step: null, asked_at: null, notice: null, deadline: null, waiting: true };
    await tell({ ...app, screen: "connecting", snapshot: { ...app.snapshot, sign_in } });
    expect(field("Account")).toBe(account);
    expect(screen.getByRole("button", { name: /checking/ }).getAttribute("aria-disabled")).toBe("true");
    await press("Cancel the sign-in");
    expect(field("Account").readOnly).toBe(false);
  });

  test("A-41: the support code can be copied", async () => {
    const writeText = vi.fn(async () => {});
    vi.stubGlobal("navigator", Object.assign(Object.create(navigator), { clipboard: { writeText } }));
    await open(FIXTURES["sign-in-locked"].app);
    await press("Copy the support code");
    expect(writeText).toHaveBeenCalledWith("K7QD-2M4X");
    expect(screen.getByRole("status").textContent).toContain("Copied");
    vi.unstubAllGlobals();
  });

  test("a private gateway is believed by the key that the person brings, and by nothing else", async () => {
    const mock = await open(FIXTURES["sign-in-private-gateway"].app);
    expect(document.body.textContent).not.toContain(PIN);
    expect(screen.queryByRole("button", { name: /trust|accept|continue/i })).toBeNull();
    const key = field("Key as published");
    await press("Compare");
    expect(key.getAttribute("aria-invalid")).toBe("true");
    await type(key, PIN.replace("q0", "q1"));
    await press("Compare");
    const alert = screen.getByRole("alert");
    expect(alert.textContent).toContain("These are not the same.");
    // To be read to the help desk; it goes as soon as another key is typed.
    expect(alert.querySelector("code")?.textContent).toBe(PIN);
    expect(commandsOf(mock)).toEqual([]);
    await type(key, "pin");
    expect(document.body.textContent).not.toContain(PIN);
    await type(key, ` ${PIN.slice(0, 30)}\n${PIN.slice(30)}`);
    await press("Compare");
    expect(mock.calls.at(-1)).toEqual({ command: "pin_profile", args: { name: "Branch office", pin: PIN } });
  });

  test("the key of a gateway that another view tried is not stored for the one that is chosen", async () => {
    const { app } = FIXTURES["sign-in-private-gateway"];
    const last_failure = { code: "unknown_gateway", gateway: "other.example.org:443", pin: PIN } as const;
    await open({ ...app, snapshot: { ...app.snapshot, last_failure } });
    expect(screen.queryByLabelText("Key as published")).toBeNull();
    expect(document.body.textContent).toContain("other.example.org:443 is not publicly known");
  });

  test("the key of the authority behind the gateway is stored as handed out, for the sign-in to check", async () => {
    const { app } = FIXTURES["sign-in-private-gateway"];
    const mock = await open(app);
    const authority = PIN.replace("q0", "q1");
    await type(field("Key as published"), authority);
    await press("Compare");
    await press("Check it at the sign-in");
    expect(mock.calls.at(-1)?.args).toMatchObject({ pin: authority });
    // The service still tells the failure of the attempt before; it is settled.
    expect(screen.queryByText(PIN)).toBeNull();
    expect(field("Account").value).toBe("hark.chen");
  });

  test("a key that has changed is warned of once, and no other can be given in its place", async () => {
    const { app } = FIXTURES["sign-in-key-changed"];
    const mock = await open(app);
    expect(document.body.textContent).toContain("Somebody may be listening");
    expect(document.body.textContent.split(OTHER_PIN)).toHaveLength(2);
    expect(document.querySelector("input")).toBeNull();
    expect(document.body.textContent).toContain("remove this gateway from the list");
    await press("Back to the sign-in");
    expect(field("Account").value).toBe("hark.chen");
    expect(commandsOf(mock)).toEqual([]);
  });

  test.each(["sign-in-key-changed", "sign-in-private-gateway"] as const)(
    "the administrator's gateway gets no key from the person: %s",
    async (name) => {
      const { app } = FIXTURES[name];
      await open({ ...app, profiles: app.profiles.map(({ profile }) => ({ profile, shared: true })) });
      expect(document.querySelector("input")).toBeNull();
      expect(document.body.textContent).toContain("only the administrator can store a key");
    },
  );

  test("remembering the account is the person's choice", async () => {
    const mock = await open(FIXTURES["sign-in"].app);
    await fireEvent.click(field("Remember the account on this computer"));
    await settle();
    expect(mock.calls.at(-1)).toEqual({
      command: "set_setting",
      args: { key: "remember_account", value: false },
    });
    expect(field("Remember the account on this computer").checked).toBe(false);
  });
});
