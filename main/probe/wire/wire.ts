import type { DialTarget, NodeAccess } from "../../ssh/access";
import type { SshError } from "../../ssh/ssh-error";
import type { Call } from "../probe";
import type { WireError } from "../wire-error";
import { createHttpWire } from "./http";
import { createPostgresWire } from "./postgres";
import { createRedisWire } from "./redis";
import { sendWord } from "./words";

/** Puts calls to the services behind nodes, over streams the nodes dialled. */
export interface Wire {
  /**
   * Sends once and gives the answer as text, in the form `Call` tells. Rejects with WireError or SshError when nothing was sent or the
   * service refused, with OutcomeUnknown when the call left this side and no answer came.
   */
  call(access: NodeAccess, call: Call, deadlineMs: number): Promise<string>;
  close(): void;
}

/** An account of a service as a password is asked for it. */
export interface ServiceLogin {
  /** The service's own name, for people: PostgreSQL, Redis. */
  readonly service: string;
  readonly user: string;
  readonly target: DialTarget;
}

/** Where a service's password comes from; null when there is none and the service may let the login in without. */
export interface PasswordSource {
  password(node: string, login: ServiceLogin): Promise<string | null>;
  /** The service let this password in. */
  accepted(node: string, login: ServiceLogin): void;
  /** The service refused this password: it must not be offered again. */
  refused(node: string, login: ServiceLogin): void;
}

/** Something that left this side and whose outcome nobody knows. */
export class OutcomeUnknown extends Error {
  constructor(readonly problem: WireError | SshError) {
    super(problem.message);
    this.name = "OutcomeUnknown";
  }
}

/** One kept connection a service and login, where its protocol has such a thing. */
export function createWire(passwords: PasswordSource): Wire {
  const postgres = createPostgresWire(passwords);
  const redis = createRedisWire(passwords);
  const http = createHttpWire();
  return {
    call: (access, call, deadlineMs) => {
      switch (call.kind) {
        case "postgres":
          return postgres.call(access, call, deadlineMs);
        case "redis":
          return redis.call(access, call, deadlineMs);
        case "http":
          return http.call(access, call, deadlineMs);
        case "words":
          return sendWord(access, call, deadlineMs);
      }
    },
    close: () => {
      postgres.close();
      redis.close();
      http.close();
    },
  };
}

export function targetName(target: DialTarget): string {
  return target.kind === "tcp" ? `${target.host}:${target.port}` : target.path;
}
