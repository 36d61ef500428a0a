// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Endpoint } from "./Endpoint";
import type { GroupName } from "./GroupName";
import type { ResourceId } from "./ResourceId";
import type { ResourceKind } from "./ResourceKind";

/**
 * One entry of the resource list.
 */
export type Resource = {
/**
 * Stable identifier.
 */
id: ResourceId,
/**
 * The name a person clicks.
 */
name: string,
/**
 * One line about it; may be empty.
 */
description: string,
/**
 * The heading it stands under, and the group of people it is published to.
 */
group: GroupName,
/**
 * How it is opened.
 */
kind: ResourceKind,
/**
 * What is opened: a URL for [`ResourceKind::Web`], else `host`, `host:port` or a share path.
 */
address: string,
/**
 * What the gateway lets through for it.
 */
endpoints: Array<Endpoint>, };
