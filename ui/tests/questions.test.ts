// What the gateway asks after the password: code, check, new password, forms, sessions elsewhere.

import { fireEvent, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SignInStep } from "../src/bindings";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { HINT, SESSION } from "../src/mock/states";
import { commandsOf, everything, field, open, press, settle, tell, type } from "./window";

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
    expect(status()).toContain("9 requirements are not met.");
    const found = rows();
    expect(found).toHaveLength(11);
    expect(found.map((row) => row.includes("Not met"))).toEqual(found.map((_, at) => at < 9));
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
