/**
 * The names that cross between the view and the core, apart from their schemas:
 * the preload is loaded by every window and must not carry the schema library.
 */
export const requestNames = [
  "about:read",
  "catalogue:read",
  "preferences:read",
  "preferences:write",
  "damage:read",
  "damage:acknowledge",
  "fleet:read",
  "cluster:read",
  "cluster:refresh",
  "cluster:forget",
  "evidence:read",
  "logs:read",
  "history:read",
  "hosts:list",
  "hosts:preview-import",
  "hosts:accept-import",
  "discovery:start",
  "discovery:keep",
  "host-key:read",
  "host-key:replace",
  "logins:read",
  "logins:change",
  "logins:stopped",
  "logins:ask-again",
  "secrets:read",
  "secrets:forget",
  "question:list",
  "question:answer",
  "recovery:plan",
  "recovery:plan-undo",
  "recovery:approve",
  "recovery:stop",
  "recovery:resolve",
  "recovery:acknowledge",
  "recovery:runs",
  "recovery:journal",
  "report:export",
] as const;
export type RequestName = (typeof requestNames)[number];

export const eventNames = [
  "assessment:changed",
  "fleet:changed",
  "run:changed",
  "question:raised",
  "question:settled",
  "secret:not-kept",
  "discovery:progress",
  "preferences:changed",
  "damage:changed",
  "core:state",
] as const;
export type EventName = (typeof eventNames)[number];

/** The two Electron channels everything travels on. */
export const requestChannel = "evenkeel:request";
export const eventChannel = "evenkeel:event";
