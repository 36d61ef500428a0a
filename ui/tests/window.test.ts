// The window as a person uses it: screens, flows, what is sent, what is kept.

import { fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SignInStep } from "../src/bindings";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES, type Fixture, HINT, OTHER_PIN, PIN, SESSION } from "../src/mock/fixtures";
import { commandsOf, field, open, settle, tell } from "./window";

const fixtures: [string, Fixture][] = Object.entries(FIXTURES);

async function type(input: HTMLInputElement, value: string): Promise<void> {
  await fireEvent.input(input, { target: { value } });
}

function press(name: string | RegExp): Promise<void> {
  return fireEvent.click(screen.getByRole("button", { name })).then(settle);
}

/** Everything that the document holds: texts, attributes and the values of fields. */
function everything(): string {
  const values = [...document.querySelectorAll<HTMLInputElement>("input, textarea")].map(
    ({ value }) => value,
  );
  return [document.documentElement.outerHTML, ...values].join("\n");
}

describe.each(fixtures)("%s", (_, { app, page }) => {
  test("is drawn with one heading, and the focus is inside", async () => {
    await open(app);
    goTo(page);
    await settle();
    const headings = screen.getAllByRole("heading", { level: 1 });
    expect(headings).toHaveLength(1);
    expect(headings[0]?.textContent.trim()).not.toBe("");
    expect(document.activeElement).not.toBe(document.body);
    expect(document.body.textContent).not.toMatch(/undefined|\[object|NaN/);
  });
});

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

describe("the code", () => {
  const code = () => field("Code");

  test("is sent with its last digit, folded, once, and kept nowhere", async () => {
    const mock = await open(FIXTURES.code.app);
    expect(code().inputMode).toBe("numeric");
    expect(code().autocomplete).toBe("one-time-code");
    expect(document.activeElement).toBe(code());
    await type(code(), "１２３ ４");
    expect(commandsOf(mock)).toEqual([]);
    await type(code(), "123456");
    await settle();
    expect(mock.calls.at(-1)?.args).toEqual({ round: 2, answer: { answer: "otp", code: "123456" } });
    expect(commandsOf(mock)).toEqual(["answer"]);
    expect(everything()).not.toContain("123456");
  });

  test("can be pasted with a space in it", async () => {
    const mock = await open(FIXTURES.code.app);
    const clipboardData = { getData: () => " 987 654 " };
    await fireEvent.paste(code(), { clipboardData });
    await settle();
    expect(mock.calls.at(-1)?.args).toEqual({ round: 2, answer: { answer: "otp", code: "987654" } });
  });

  test("is found in the message that it came with", async () => {
    const mock = await open(FIXTURES.code.app);
    await fireEvent.paste(code(), {
      clipboardData: { getData: () => "Your code is １２３456. It is valid for 60 s." },
    });
    await settle();
    expect(mock.calls.at(-1)?.args).toEqual({ round: 2, answer: { answer: "otp", code: "123456" } });
  });

  test.each(["Your code is on its way", "1234567", "123456 or 654321"])(
    "what holds no single code is not sent: %s",
    async (text) => {
      const mock = await open(FIXTURES.code.app);
      await fireEvent.paste(code(), { clipboardData: { getData: () => text } });
      await settle();
      expect(commandsOf(mock)).toEqual([]);
      expect(code().value).toBe("");
      expect(document.getElementById("code-error")?.textContent).toContain("no single code of 6 digits");
      expect(screen.getByRole("status").textContent).toContain("no single code of 6 digits");
      await type(code(), "1");
      expect(document.getElementById("code-error")).toBeNull();
    },
  );

  test("takes no letters", async () => {
    const mock = await open(FIXTURES.code.app);
    await type(code(), "abcdef");
    expect(code().value).toBe("");
    await type(code(), "12a45b");
    expect(code().value).toBe("1245");
    expect(commandsOf(mock)).toEqual([]);
  });

  test("an input method that composes is not disturbed", async () => {
    const mock = await open(FIXTURES.code.app);
    code().value = "１２３４５６";
    await fireEvent(code(), new InputEvent("input", { isComposing: true, bubbles: true }));
    expect(commandsOf(mock)).toEqual([]);
    await fireEvent.compositionEnd(code());
    await settle();
    expect(mock.calls.at(-1)?.args).toEqual({ round: 2, answer: { answer: "otp", code: "123456" } });
  });

  test("too short a code is said at the field", async () => {
    const mock = await open(FIXTURES.code.app);
    await type(code(), "123");
    await press("Submit");
    expect(code().getAttribute("aria-describedby")).toContain("code-error");
    expect(document.getElementById("code-error")?.textContent).toContain("6 digits");
    expect(commandsOf(mock)).toEqual([]);
  });

  test("four troubles have four remedies", async () => {
    const seen = new Set<string>();
    for (const name of ["code-wrong", "code-replayed", "code-clock-off", "code-disabled"] as const) {
      await open(FIXTURES[name].app);
      seen.add(document.querySelector(".notice")?.textContent ?? "");
      document.body.replaceChildren();
    }
    expect(seen.size).toBe(4);
  });

  describe("follows the token's rhythm", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout", "Date"] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    const standing = () => document.querySelectorAll(".bar:not(.gone)").length;
    const pass = async (seconds: number) => {
      vi.advanceTimersByTime(seconds * 1000);
      await settle();
    };

    test("A-37: six bars, and one vanishes each ten seconds", async () => {
      const step = { step: "otp", prompt: null, token: { ...HINT, seconds_left: 60 } } as const;
      const { app } = FIXTURES.code;
      const sign_in = {
        round: 2,
        step,
        asked_at: app.now,
        notice: null,
        deadline: null,
        waiting: false,
      };
      await open({ ...app, snapshot: { ...app.snapshot, sign_in } });
      expect(document.querySelectorAll(".bar")).toHaveLength(6);
      for (const bars of [6, 5, 4, 3, 2, 1, 6]) {
        expect(standing()).toBe(bars);
        await pass(10);
      }
    });

    test("A-37: a state drawn 20 seconds after it arrived shows 20 seconds less", async () => {
      const { app } = FIXTURES.code;
      await open({ ...app, now: app.now + 20_000 });
      expect(document.querySelector(".token")?.textContent).toContain("23 seconds left");
    });

    test("A-38: waiting is advised when less than ten seconds are left, and not once the next code is there", async () => {
      await open(FIXTURES.code.app);
      await pass(32);
      expect(screen.queryByText(/Better wait/)).toBeNull();
      await pass(2);
      expect(screen.getAllByText(/Better wait/).length).toBeGreaterThan(0);
      expect(screen.getByRole("status").textContent).toContain("Better wait");
      await pass(9);
      expect(document.querySelector(".token")?.textContent).toContain("60 seconds left");
    });
  });
});

describe("checking this computer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const rows = () =>
    screen
      .getAllByRole("heading", { level: 2 })
      .map((heading) => (heading.closest("li")?.textContent ?? "").replace(/\s+/g, " ").trim());
  const status = () => screen.getByRole("status").textContent.trim();
  const title = () => screen.getByRole("heading", { level: 1 }).textContent;

  test("A-21: what is read is listed, and that it is being read is said", async () => {
    await open(FIXTURES.checking.app);
    expect(screen.getByText("Whether the firewall is on")).toBeTruthy();
    expect(screen.getByText("Whether the computer starts signed systems only")).toBeTruthy();
    expect(status()).toBe("Reading …");
    expect(screen.queryByRole("button", { name: "Check again" })).toBeNull();
  });

  test("a gateway that says nothing about its check is not quoted", async () => {
    const { app } = FIXTURES.checking;
    const step: SignInStep = { step: "posture", checks: [], findings: [], retry_seconds: null, nonce: "" };
    const sign_in = { round: 1, step, asked_at: null, notice: null, deadline: null, waiting: true };
    await open({ ...app, snapshot: { ...app.snapshot, sign_in } });
    expect(screen.queryByText("Praya reads this, and nothing else:")).toBeNull();
    expect(status()).toBe("Reading …");
  });

  test("A-22: every finding is there at once, those that refuse first, told apart by words", async () => {
    await open(FIXTURES["checking-failed-many"].app);
    expect(title()).toBe("This computer does not meet the rules");
    expect(status()).toContain("6 requirements are not met.");
    const found = rows();
    expect(found).toHaveLength(8);
    expect(found.map((row) => row.includes("Not met"))).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(found.map((row) => row.includes("Warning only"))).toEqual(
      found.map((row) => !row.includes("Not met")),
    );
    expect(found[0]).toMatch(
      /Required One of: AntiVir, .*, 360 Found Kaspersky .* paused What to do End the pause/,
    );
  });

  test("a report that was not heard can be sent again", async () => {
    const { app } = FIXTURES.checking;
    const sign_in = app.snapshot.sign_in && {
      ...app.snapshot.sign_in,
      waiting: false,
      notice: { code: "unreachable" as const, gateway: "vpn.example.org:443", cause: "timeout" },
    };
    await open({ ...app, snapshot: { ...app.snapshot, sign_in } });
    expect(screen.getByRole("button", { name: "Check again" })).toBeTruthy();
  });

  test("a warning by itself does not read as a refusal", async () => {
    await open(FIXTURES["checking-warning"].app);
    expect(title()).toBe("Checking this computer");
    expect(status()).toBe("One thing is to be put right. It does not stop you from signing in.");
  });

  test("the check is asked for again, and its end is said", async () => {
    const mock = await open(FIXTURES["checking-failed"].app);
    const button = screen.getByRole("button", { name: "Check again" });
    button.focus();
    await press("Check again");
    expect(mock.calls.at(-1)).toEqual({
      command: "answer",
      args: { round: 2, answer: { answer: "check_again" } },
    });
    expect(status()).toBe("Reading …");
    expect(button.getAttribute("aria-disabled")).toBe("true");
    expect(document.activeElement).toBe(button);
    await tell(FIXTURES["checking-failed"].app);
    expect(status()).toBe("One requirement is not met. Put it right, then check again.");
    await press("Cancel the sign-in");
    expect(commandsOf(mock)).toEqual(["answer", "cancel_sign_in"]);
  });

  test("the time for another check counts down to its end, which is said, and then only a new sign-in is left", async () => {
    const mock = await open(FIXTURES["checking-failed"].app);
    expect(document.querySelector(".left")?.textContent).toContain("4 minutes 30 seconds");
    const button = screen.getByRole("button", { name: "Check again" });
    button.focus();
    vi.advanceTimersByTime(20_000);
    await settle();
    expect(document.querySelector(".left")?.textContent).toContain("4 minutes 10 seconds");
    expect(status()).toContain("One requirement is not met.");
    vi.advanceTimersByTime(250_000);
    await settle();
    expect(status()).toBe("The time to check again without a new code is over.");
    expect(screen.queryByRole("button", { name: "Check again" })).toBeNull();
    expect(document.activeElement).toBe(button);
    await press("Sign in again");
    expect(commandsOf(mock)).toEqual(["cancel_sign_in"]);
  });
});

describe("a new password", () => {
  const GOOD = "Correct-horse-7";

  test("A-18: the rules tick while it is typed, for the eye and for the ear", async () => {
    await open(FIXTURES["new-password"].app);
    const rule = (text: string) => screen.getByText(text, { exact: false }).closest("li");
    expect(rule("a digit")?.className).toContain("open");
    await type(field("New password"), "Correct-horse");
    expect(rule("a digit")?.className).toContain("broken");
    expect(rule("a digit")?.textContent).toContain("not fulfilled yet");
    await type(field("New password"), GOOD);
    expect(rule("a digit")?.className).toContain("kept");
    expect(rule("not a common password")?.textContent).toContain("the gateway checks it");
  });

  test("is sent only when it keeps the rules and both entries agree, and is kept nowhere", async () => {
    const mock = await open(FIXTURES["new-password"].app);
    await type(field("New password"), "short");
    await press("Modify");
    expect(document.activeElement).toBe(field("New password"));
    await type(field("New password"), GOOD);
    await type(field("New password again"), `${GOOD}!`);
    await press("Modify");
    expect(document.activeElement).toBe(field("New password again"));
    expect(commandsOf(mock)).toEqual([]);
    await type(field("New password again"), GOOD);
    await press("Modify");
    expect(mock.calls.at(-1)?.args).toEqual({
      round: 2,
      answer: { answer: "new_password", password: GOOD, repeat: GOOD },
    });
    expect(everything()).not.toContain(GOOD);
  });

  test("can be shown and hidden again", async () => {
    await open(FIXTURES["new-password"].app);
    expect(field("New password").type).toBe("password");
    await fireEvent.click(screen.getAllByRole("button", { name: "Show the password" })[0] as HTMLElement);
    expect(field("New password").type).toBe("text");
    await press("Hide the password");
    expect(field("New password").type).toBe("password");
  });

  test("A-26: the voluntary change asks for the present one and goes back to the resources", async () => {
    const mock = await open(SESSION);
    goTo("password");
    await settle();
    await type(field("Present password"), "Old-secret-77");
    await type(field("New password"), GOOD);
    await type(field("New password again"), GOOD);
    await press("Modify");
    expect(mock.calls.at(-1)).toEqual({
      command: "change_password",
      args: { current: "Old-secret-77", new: GOOD },
    });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Resources");
    expect(screen.getByRole("status").textContent).toContain("The password is changed.");
    expect(everything()).not.toMatch(/Old-secret|Correct-horse/);
  });
});

test("a foreign gateway's form is answered in its order, and its secrets are kept nowhere", async () => {
  const mock = await open(FIXTURES.form.app);
  await fireEvent.change(screen.getByLabelText("Group"), { target: { value: "guests" } });
  await type(field("PIN"), "4711-pin");
  await press("Submit");
  expect(mock.calls.at(-1)?.args).toEqual({
    round: 2,
    answer: {
      answer: "form",
      values: [
        ["group_list", "guests"],
        ["answer", "4711-pin"],
      ],
    },
  });
  expect(everything()).not.toContain("4711-pin");
});

describe("signed in elsewhere", () => {
  test("A-34: where and since when is said, and the choice is the person's", async () => {
    const mock = await open(FIXTURES.elsewhere.app);
    expect(screen.getByText("FIN-LAPTOP-07")).toBeTruthy();
    expect(screen.getByText("from 203.0.113.77")).toBeTruthy();
    await press("End it and go on here");
    expect(mock.calls.at(-1)?.args).toEqual({ round: 2, answer: { answer: "elsewhere", choice: "replace" } });
  });

  test("A-34: where policy refuses there is no choice but to stop", async () => {
    const mock = await open(FIXTURES["elsewhere-refused"].app);
    expect(screen.queryByRole("button", { name: "End it and go on here" })).toBeNull();
    await press("Cancel the sign-in");
    expect(commandsOf(mock)).toEqual(["cancel_sign_in"]);
  });
});

test.each([
  ["elsewhere", undefined],
  ["elsewhere-refused", undefined],
  ["sessions", "sessions"],
] as const)("A-41: who is told to contact the help desk is told how: %s", async (name, page) => {
  await open(FIXTURES[name].app);
  goTo(page);
  await settle();
  expect(screen.getAllByText(/8390 1234/)).toHaveLength(1);
});

describe("the resources", () => {
  const names = () => [...document.querySelectorAll(".grid .name")].map((name) => name.textContent);

  test("A-24: a group shows its resources, and a click opens one", async () => {
    const mock = await open(SESSION);
    expect(names()).toHaveLength(8);
    await press("Finance");
    expect(names()).toEqual(["Ledger", "Finance desktop"]);
    await press(/^Ledger/);
    expect(mock.calls.at(-1)).toEqual({ command: "open_resource", args: { id: "ledger" } });
    expect(screen.getByRole("status").textContent).toContain("Ledger is being opened.");
  });

  test("favourites and what was used last are one press away", async () => {
    const mock = await open(SESSION);
    await press("Recently used");
    expect(names()).toEqual(["Build machine", "Ledger"]);
    await press("Favourites");
    expect(names()).toEqual(["電子公文系統", "Ledger"]);
    await press("Make Ledger a favourite");
    expect(mock.calls.at(-1)).toEqual({ command: "set_favourite", args: { id: "ledger", on: false } });
    expect(names()).toEqual(["電子公文系統"]);
  });

  test("a search looks in every group, and says how much it found", async () => {
    await open(SESSION);
    await press("Finance");
    await type(field("Search resources"), "TECNICAS");
    expect(names()).toEqual(["Portal de conhecimento"]);
    expect(screen.getByRole("status").textContent).toContain("1 resource");
    await type(field("Search resources"), "nothing like it");
    expect(screen.getByText("Nothing fits “nothing like it”.")).toBeTruthy();
    await fireEvent.keyDown(field("Search resources"), { key: "Escape" });
    expect(names()).toEqual(["Ledger", "Finance desktop"]);
  });

  test("arrows go from the search into the list and through it, with one stop for Tab", async () => {
    const mock = await open(SESSION);
    await fireEvent.keyDown(window, { key: "f", ctrlKey: true });
    expect(document.activeElement).toBe(field("Search resources"));
    await fireEvent.keyDown(field("Search resources"), { key: "ArrowDown" });
    const grid = screen.getByRole("grid");
    const move = (key: string, ctrlKey = false) => fireEvent.keyDown(grid, { key, ctrlKey });
    expect(document.activeElement?.textContent).toContain("Leave and attendance");
    await move("ArrowDown");
    expect(document.activeElement?.textContent).toContain("電子公文系統");
    await move("ArrowRight");
    expect(document.activeElement?.getAttribute("aria-label")).toContain("Copy the address");
    await fireEvent.click(document.activeElement as Element);
    await settle();
    expect(mock.calls.at(-1)).toEqual({ command: "copy_address", args: { id: "mail" } });
    await move("End", true);
    await move("Home");
    expect(document.activeElement?.textContent).toContain("Portal de conhecimento");
    expect(grid.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
  });

  test("without a tunnel nothing is opened, and why is said", async () => {
    const mock = await open(FIXTURES.paused.app);
    await press(/^Ledger/);
    expect(commandsOf(mock)).toEqual([]);
    expect(screen.getByRole("status").textContent).toContain("Only reachable while the tunnel is up");
  });

  test("each one's kind is said in words, whatever else stands there", async () => {
    await open(SESSION);
    const desktop = () => screen.getByRole("button", { name: /^Finance desktop/ }).textContent;
    expect(desktop()).toMatch(/remote desktop.*Finance/s);
    await press("Finance");
    expect(desktop()).toContain("remote desktop");
    await type(field("Search resources"), "desktop");
    expect(desktop()).toContain("remote desktop");
  });

  test("what was closed stays closed for the session, and comes again with the next", async () => {
    const { app } = FIXTURES.warnings;
    const inSession = (session: string) => ({ ...app, snapshot: { ...app.snapshot, session } });
    const warned = () => document.body.textContent.includes("overlaps 192.168.0.0/16");
    await open(inSession("s-7"));
    const notice = screen.getByText(/overlaps/).closest<HTMLElement>(".notice");
    await fireEvent.click(within(notice as HTMLElement).getByRole("button", { name: "Close" }));
    await settle();
    expect(warned()).toBe(false);
    goTo("about");
    await settle();
    goTo(undefined);
    await settle();
    expect(warned()).toBe(false);
    await tell(inSession("s-8"));
    expect(warned()).toBe(true);
  });

  test("A-22: what the check finds in a session stands above the resources, with what follows and what to do", async () => {
    const mock = await open(FIXTURES["posture-lost"].app);
    const notice = screen.getByText("This computer does not meet the rules").closest<HTMLElement>(".notice");
    const inside = within(notice as HTMLElement);
    expect(inside.getByText(/the session ends in 5 minutes/)).toBeTruthy();
    expect(inside.getByText(/some resources only/)).toBeTruthy();
    expect(inside.getAllByText("What to do").length).toBeGreaterThan(1);
    expect(inside.queryByRole("button", { name: "Close" })).toBeNull();
    await fireEvent.click(inside.getByRole("button", { name: "Check again" }));
    expect(mock.calls.at(-1)?.command).toBe("check_again");
  });

  test("a warning of the check can be closed, and comes again when it turns serious", async () => {
    const { app } = FIXTURES["posture-warning"];
    await open(app);
    const title = () => screen.queryByText("Something on this computer is to be put right");
    const notice = title()?.closest<HTMLElement>(".notice");
    await fireEvent.click(within(notice as HTMLElement).getByRole("button", { name: "Close" }));
    await settle();
    expect(title()).toBeNull();
    const { posture } = app.snapshot;
    await tell({
      ...app,
      snapshot: {
        ...app.snapshot,
        posture: posture && { ...posture, checked_at: posture.checked_at + 60_000 },
      },
    });
    expect(title()).toBeNull();
    await tell({
      ...app,
      snapshot: {
        ...app.snapshot,
        posture: posture && { ...posture, ends_at: posture.checked_at + 300_000 },
      },
    });
    expect(screen.getByText("This computer does not meet the rules")).toBeTruthy();
  });

  test("the details of the connection are opened by a press", async () => {
    await open(SESSION);
    const button = screen.getByRole("button", { name: "Details of the connection" });
    const details = document.getElementById(button.getAttribute("aria-controls") ?? "");
    expect(details?.hidden).toBe(true);
    await press("Details of the connection");
    expect([button.getAttribute("aria-expanded"), details?.hidden]).toEqual(["true", false]);
    expect(details?.textContent).toContain("fd00:131::2");
  });

  test("B-16, B-17: the header shows the connection and counts", async () => {
    await open(SESSION);
    const text = screen.getByRole("region", { name: "Connection" }).textContent;
    for (const part of [
      "TCC-VPN",
      "Connected",
      "192.168.131.2",
      "hark.chen",
      "03:07:12",
      "1.20 GB",
      "46.20 MB",
    ]) {
      expect(text).toContain(part);
    }
    expect(screen.getByRole("img").getAttribute("aria-label")).toMatch(
      /^Received .* a second, sent .* a second$/,
    );
  });

  test("a lost tunnel is shown with its cause, the next attempt and a way to try now", async () => {
    const mock = await open(FIXTURES.reconnecting.app);
    const text = document.body.textContent;
    expect(text).toContain("no way to get there from this network");
    expect(text).toContain("Next attempt in 14 seconds");
    await press("Try now");
    expect(commandsOf(mock)).toEqual(["connect"]);
  });

  test("a wanted disconnection offers to connect", async () => {
    const mock = await open(FIXTURES.paused.app);
    await press("Connect");
    expect(commandsOf(mock)).toEqual(["connect"]);
  });
});

describe("leaving", () => {
  async function choose(item: string): Promise<void> {
    await press("Menu");
    await fireEvent.click(screen.getByRole("menuitem", { name: item }));
    await settle();
  }

  test("logging out is asked about first", async () => {
    const mock = await open(SESSION);
    await choose("Log out");
    await press("Cancel");
    expect(commandsOf(mock)).toEqual([]);
    await choose("Log out");
    await press("Log out");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: false } });
    expect(screen.getByText("You logged out.")).toBeTruthy();
  });

  test("A-29: Exit says that it signs out, and does", async () => {
    const mock = await open(SESSION);
    await choose("Exit (logs out)");
    expect(screen.getByRole("dialog").textContent).toContain("Exit ends the session");
    await press("Exit and log out");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: true } });
  });

  test("A-30: beside Exit stands how to close the window and stay signed in", async () => {
    const mock = await open(SESSION);
    await choose("Exit (logs out)");
    await press("Close the window only");
    expect(commandsOf(mock)).toEqual(["close_window"]);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("where nobody is signed in, Exit just goes", async () => {
    const mock = await open(FIXTURES["sign-in"].app);
    await choose("Exit");
    expect(commandsOf(mock)).toEqual(["quit"]);
  });
});

describe("the idle warning", () => {
  test("A-28: counts down, and one key stays", async () => {
    const mock = await open(FIXTURES.idle.app);
    expect(screen.getByRole("alertdialog").textContent).toContain("52 seconds");
    expect(document.activeElement?.textContent.trim()).toBe("Stay signed in");
    await fireEvent.keyDown(document.activeElement as Element, { key: "Tab" });
    expect(commandsOf(mock)).toEqual([]);
    await fireEvent.keyDown(document.activeElement as Element, { key: "x" });
    await settle();
    expect(commandsOf(mock)).toEqual(["stay"]);
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  test("logs out on request", async () => {
    const mock = await open(FIXTURES.idle.app);
    await press("Log out now");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: false } });
  });
});

test("the end of a session is told with its reason and what to do", async () => {
  await open(FIXTURES["ended-by-administrator"].app);
  const text = document.querySelector(".notice")?.textContent ?? "";
  expect(text).toContain("An administrator ended the session.");
  expect(text).toContain("Planned maintenance");
  expect(text).toContain("It ends the session by itself, in 4 minutes at the latest.");
  expect(field("Account").value).toBe("hark.chen");
});

describe("gateways", () => {
  test("an address is checked at its field and added", async () => {
    const mock = await open(FIXTURES["gateway-first"].app);
    await type(field("Address"), "http://vpn.example.org");
    await press("Add");
    expect(field("Address").getAttribute("aria-invalid")).toBe("true");
    await type(field("Address"), " ｖｐｎ.example.org ");
    await type(field("Key of the gateway"), "nonsense");
    await press("Add");
    expect(document.activeElement).toBe(field("Key of the gateway"));
    await type(field("Key of the gateway"), PIN);
    await press("Add");
    expect(mock.calls.at(-1)).toEqual({
      command: "add_profile",
      args: { gateway: "vpn.example.org", name: "", pin: PIN },
    });
  });

  test("a link is read, shown, and added only when the person says so", async () => {
    const mock = await open(FIXTURES["gateway-first"].app);
    await fireEvent.click(screen.getByRole("tab", { name: "By link" }));
    await type(field("Invitation link"), "https://example.org");
    await press("Continue");
    expect(field("Invitation link").getAttribute("aria-invalid")).toBe("true");
    await type(field("Invitation link"), "praya://add?gateway=vpn.example.org");
    await press("Continue");
    const dialog = screen.getByRole("dialog");
    expect(dialog.textContent).toContain(PIN);
    expect(document.activeElement?.textContent.trim()).toBe("Cancel");
    expect(commandsOf(mock)).not.toContain("accept_invitation");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Add" }));
    await settle();
    const { invitation } = FIXTURES["gateway-invitation"].app;
    expect(mock.calls.at(-1)).toEqual({ command: "accept_invitation", args: invitation });
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("an invitation comes up over the session and over the reason of its end, and hides neither", async () => {
    const { invitation } = FIXTURES["gateway-invitation"].app;
    const mock = await open({ ...SESSION, invitation });
    expect(screen.getByRole("heading", { level: 1, hidden: true }).textContent).toBe("Resources");
    expect(screen.getByRole("dialog").textContent).toContain("Head office");
    await tell({ ...FIXTURES.ended.app, invitation });
    expect(document.body.textContent).toContain("it was not used for too long");
    expect(screen.getByRole("dialog").textContent).toContain("Head office");
    await press("Cancel");
    expect(commandsOf(mock)).toEqual(["dismiss_invitation"]);
  });

  test("the idle warning goes before an invitation", async () => {
    const { invitation } = FIXTURES["gateway-invitation"].app;
    await open({ ...FIXTURES.idle.app, invitation });
    expect(screen.getByRole("alertdialog")).toBeTruthy();
    expect(screen.queryByText("Head office")).toBeNull();
  });

  test("what is refused while an invitation waits is said beside it", async () => {
    const { app } = FIXTURES["gateway-invitation"];
    await open({ ...app, invitation_refused: { code: "bad_invitation", problem: "another_waits" } });
    const dialog = screen.getByRole("dialog");
    expect(dialog.textContent).toContain("Head office");
    expect(dialog.textContent).toContain("another one waits for your answer");
  });

  test("what is being stored cannot be called off", async () => {
    const mock = await open(FIXTURES["gateway-invitation"].app);
    const stored = mock.hold("accept_invitation");
    await press("Add");
    const cancel = screen.getByRole<HTMLButtonElement>("button", { name: "Cancel" });
    expect(cancel.disabled).toBe(true);
    await fireEvent(screen.getByRole("dialog"), new Event("cancel"));
    expect(commandsOf(mock)).toEqual(["accept_invitation"]);
    stored();
    await settle();
    expect(cancel.disabled).toBe(false);
  });

  test("an invitation that would take a stored name is refused in words, and stays to be read", async () => {
    const mock = await open(FIXTURES["gateway-invitation"].app);
    mock.refuse("accept_invitation", {
      code: "profile_taken",
      name: "Head office",
      gateway: "https://vpn.example.org/",
    });
    await press("Add");
    const dialog = screen.getByRole("dialog");
    expect(dialog.textContent).toContain("There is a gateway “Head office” already");
  });

  test("a name that is taken is said, and the name has the focus", async () => {
    const mock = await open(FIXTURES["gateway-first"].app);
    mock.refuse("add_profile", { code: "profile_taken", name: "Office", gateway: "https://a.example/" });
    await type(field("Address"), "vpn.example.org");
    await type(field("Name"), "Office");
    await press("Add");
    expect(document.body.textContent).toContain("There is a gateway “Office” already");
    expect(document.activeElement).toBe(field("Name"));
  });

  test("a profile file is read", async () => {
    const mock = await open(FIXTURES["gateway-first"].app);
    await fireEvent.click(screen.getByRole("tab", { name: "By file" }));
    const text = "praya://add?gateway=vpn.example.org";
    const file = { name: "office.praya", text: () => Promise.resolve(text) };
    await fireEvent.change(field("Choose a file …"), { target: { files: [file] } });
    await settle();
    expect(mock.calls.at(-1)).toEqual({ command: "read_invitation", args: { text } });
  });

  test("one is chosen by a press, and removed only after a question", async () => {
    const mock = await open(FIXTURES["gateway-list"].app);
    goTo("gateways");
    await settle();
    expect(screen.queryByRole("button", { name: "Remove TCC-VPN" })).toBeNull();
    await press("Remove Branch office");
    expect(commandsOf(mock)).toEqual([]);
    await press("Remove");
    await press(/^Branch office/);
    expect(mock.calls.slice(-2)).toEqual([
      { command: "remove_profile", args: { name: "Branch office" } },
      { command: "choose_profile", args: { name: "Branch office" } },
    ]);
  });
});

describe("settings", () => {
  beforeEach(() => goTo(undefined));

  test("take effect at once, the language too", async () => {
    const mock = await open(FIXTURES.settings.app);
    goTo("settings");
    await settle();
    await fireEvent.change(screen.getByLabelText("Language"), { target: { value: "pt-MO" } });
    await settle();
    expect(mock.calls.at(-1)).toEqual({ command: "set_setting", args: { key: "language", value: "pt-MO" } });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Definições");
    expect(document.documentElement.lang).toBe("pt-MO");
    await tell(FIXTURES.settings.app);
  });

  test("a program of one's own is named in words, checked, and kept", async () => {
    const mock = await open(FIXTURES.settings.app);
    goTo("settings");
    await settle();
    await fireEvent.change(screen.getByLabelText("Web pages"), { target: { value: "own" } });
    const words = screen.getByRole<HTMLTextAreaElement>("textbox", { name: /^The program/ });
    expect(document.activeElement).toBe(words);
    await fireEvent.input(words, { target: { value: "netscape\n{url}" } });
    await press("Use this program");
    expect(commandsOf(mock)).toEqual(["check_program"]);
    expect(words.getAttribute("aria-invalid")).toBe("true");
    expect(document.body.textContent).toContain("There is no such program here");

    await fireEvent.input(words, { target: { value: 'firefox\n--profile "my own"\n{url}\n' } });
    await press("Use this program");
    const value = ["firefox", '--profile "my own"', "{url}"];
    expect(mock.calls.at(-1)).toEqual({ command: "set_setting", args: { key: "open_web", value } });
    expect(screen.getByRole<HTMLTextAreaElement>("textbox").value).toBe(value.join("\n"));

    await fireEvent.change(screen.getByLabelText("Web pages"), { target: { value: "copy_address" } });
    await settle();
    expect(mock.calls.at(-1)).toEqual({
      command: "set_setting",
      args: { key: "open_web", value: "copy_address" },
    });
    expect(screen.queryByRole("textbox")).toBeNull();
  });

  test("an administrator's program is shown and cannot be changed", async () => {
    await open(FIXTURES["settings-program"].app);
    goTo("settings");
    await settle();
    const [own, managed] = screen.getAllByRole<HTMLTextAreaElement>("textbox");
    expect([own?.disabled, managed?.disabled]).toEqual([false, true]);
    expect(managed?.value).toBe("konsole\n-e\nssh\n-p\n{port}\n{host}");
    expect(screen.getAllByRole("button", { name: "Use this program" })).toHaveLength(1);
  });

  test("what an administrator has fixed is shown and cannot be changed", async () => {
    await open(FIXTURES["settings-managed"].app);
    goTo("settings");
    await settle();
    const fixed = screen.getByRole<HTMLInputElement>("switch", { name: "Connect at start" });
    expect(fixed.disabled).toBe(true);
    const described = fixed.getAttribute("aria-describedby")?.split(" ") ?? [];
    expect(described.map((id) => document.getElementById(id)?.textContent).join(" ")).toContain("Managed");
    expect(screen.getByText(/no tray icons/)).toBeTruthy();
  });
});

test("the diagnostics are read before they are saved", async () => {
  const mock = await open(FIXTURES.diagnostics.app);
  goTo("diagnostics");
  await settle();
  expect(screen.queryByRole("button", { name: /Save/ })).toBeNull();
  await press("Collect");
  expect(screen.getByRole<HTMLTextAreaElement>("textbox").value).toContain("# What the service found");
  await press(/Save/);
  expect(commandsOf(mock)).toEqual(["diagnostics", "save_diagnostics"]);
  expect(screen.getByRole("status").textContent).toContain("/home/hark/praya-report.txt");
});

test("another of the person's sessions can be ended after a question", async () => {
  const mock = await open(SESSION);
  goTo("sessions");
  await settle();
  await press("End this session");
  await fireEvent.click(screen.getAllByRole("button", { name: "End this session" }).at(-1) as Element);
  await settle();
  expect(mock.calls).toContainEqual({ command: "end_session", args: { session: "s-2" } });
});

test("a page that is open gives way when the session ends", async () => {
  await open(SESSION);
  goTo("settings");
  await settle();
  await tell(FIXTURES.ended.app);
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("You are signed out");
});
