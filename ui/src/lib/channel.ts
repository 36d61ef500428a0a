// How packets travel to the gateway, in the person's words.

import type { ChannelView } from "../bindings";
import { kebab } from "./failure";
import { t } from "./texts.svelte";

/** The channel that carries packets, and why that one. */
export function channelText({ carrier, reason }: ChannelView): string {
  return t("channel-line", {
    channel: t(`channel-${carrier}`),
    reason: t(`channel-reason-${kebab(reason)}`),
  });
}

/** The last measured round trip on that channel, in whole milliseconds. */
export function roundTripText(view: ChannelView): string | undefined {
  const micros = view[view.carrier].round_trip_us;
  if (micros === null) {
    return undefined;
  }
  return micros < 1000 ? t("round-trip-short") : t("round-trip", { ms: Math.floor(micros / 1000) });
}
