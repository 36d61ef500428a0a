// Adding, choosing and removing gateways, and invitations to them.

import { fireEvent, screen, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES } from "../src/mock/fixtures";
import { PIN, SESSION } from "../src/mock/states";
import { commandsOf, field, open, press, settle, tell, type } from "./window";

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
