import { sentence } from "../../../contract/sentence";
import { parseHttpAnswer } from "../../probe/parse/http-answer";
import { NotThere, ParseError, type Ask, type Probe } from "../../probe/probe";
import { livenessScript, parseLiveness, type Liveness } from "../process-liveness";
import {
  parseCluster,
  parseHistory,
  parseSettings,
  parseStatus,
  type ClusterSettings,
  type ClusterView,
  type MemberStatus,
  type PastChange,
} from "./answers";
import {
  parsePostmaster,
  parseServer,
  postmasterScript,
  serverStatement,
  type Postmaster,
  type ServerState,
} from "./server";
import { rest, serverLoginOf, type PatroniSite } from "./settings";

/** Whether the store that holds the leader key has a majority, as the one of its members says that this host asks. */
export type StoreHealth = "majority" | "no-majority";

/** etcd: `{"health":"true"}`, with 503 `{"health":"false"}`; consul: the leader's address in quotes, or nothing in them. */
export function parseStore(text: string): StoreHealth {
  const what = "the health of the store";
  const { status, body } = parseHttpAnswer(what, text);
  if (/^\s*"[^"]*"\s*$/.test(body)) return /^\s*""\s*$/.test(body) ? "no-majority" : "majority";
  const [, healthy] = /"health":\s*"?(true|false)/.exec(body) ?? [];
  if (healthy !== undefined) return healthy === "true" ? "majority" : "no-majority";
  if (status >= 500) return "no-majority";
  throw new ParseError(what, body);
}

function storeAsk({ settings }: PatroniSite): Ask {
  const { storeKind, storeHost, storePort } = settings;
  if (storeHost === "") return { kind: "read", script: "echo unasked" };
  const login = { service: storeKind, target: { kind: "tcp", host: storeHost, port: storePort }, tls: null } as const;
  return { kind: "http", login, method: "GET", path: storeKind === "consul" ? "/v1/status/leader" : "/health" };
}

function unasked(code: string, facts: Readonly<Record<string, string>> = {}): () => never {
  return () => {
    throw new NotThere(sentence(code, facts));
  };
}

export interface PatroniProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly status: Probe<MemberStatus>;
  readonly cluster: Probe<ClusterView>;
  readonly settings: Probe<ClusterSettings>;
  readonly history: Probe<readonly PastChange[]>;
  readonly server: Probe<ServerState>;
  readonly postmaster: Probe<Postmaster>;
  readonly liveness: Probe<Liveness>;
  readonly store: Probe<StoreHealth>;
}

export function patroniProbes(site: PatroniSite): PatroniProbes {
  const { settings } = site;
  const get = <T>(path: string, parse: (text: string) => T, everyMs = 0): Probe<T> => ({
    ask: rest(site, "GET", path),
    parse,
    everyMs,
    deadlineMs: 3_000,
  });
  return {
    status: get("/patroni", parseStatus),
    cluster: get("/cluster", parseCluster),
    settings: get("/config", parseSettings),
    history: get("/history", parseHistory, 30_000),
    server: {
      ask: { kind: "postgres", login: serverLoginOf(site), statement: serverStatement },
      parse: parseServer,
      deadlineMs: 4_000,
    },
    postmaster: {
      ask: {
        kind: "read",
        script: settings.dataDirectory === "" ? "echo unasked" : postmasterScript(settings.dataDirectory),
      },
      parse: settings.dataDirectory === "" ? unasked("patroni/data-directory-unknown") : parsePostmaster,
    },
    liveness: {
      ask: {
        kind: "read",
        script: livenessScript({ name: settings.processName, words: ["patroni"], control: settings.control }),
      },
      parse: parseLiveness,
    },
    store: {
      ask: storeAsk(site),
      parse: settings.storeHost === "" ? unasked("patroni/store-not-asked", { kind: settings.storeKind }) : parseStore,
      deadlineMs: 3_000,
    },
  };
}
