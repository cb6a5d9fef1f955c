import { randomUUID } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sentence } from "../../contract/sentence";
import { systemClock } from "../../main/clock";
import type { Effect } from "../../main/engine/engine";
import { createPerformer } from "../../main/probe/perform";
import type { Wire } from "../../main/probe/wire/wire";
import type { Performer } from "../../main/recovery/ports";
import type { Access } from "../../main/ssh/access";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { reachedAs, wayOf } from "../../main/ssh/way";
import { baseOf } from "../../main/ssh/durable-run";
import type { Sshd } from "../lab/sshd";
import { cannotRun, kindOf, realSsh, type RealSsh } from "./real-node";
import { createPerson } from "./person";

describe.skipIf(cannotRun)("how a node is reached", () => {
  let ssh: RealSsh;
  beforeAll(() => void (ssh = realSsh()));
  afterAll(() => ssh.close());

  it("is told of the connection that is open, whatever the config says by now; where none is, it is what is configured", async () => {
    const [first, second] = [await ssh.sshd(), await ssh.sshd()];
    const at = (port: number): ResolvedLogin => ssh.login(port, { jumps: [ssh.login(second.port, { user: "root" })] });
    let configured = at(first.port);
    const resolve = (): Promise<ResolvedLogin> => Promise.resolve(configured);
    const access = createAccess({
      clock: systemClock,
      random: Math.random,
      newNonce: () => "0123456789abcdef0123456789abcdef",
      asker: createPerson(),
      hostKeys: hostKeyCheck,
      resolve,
    });
    access.know("node", { host: "node", transport: "built-in" });
    const node = access.node("node");
    const told = (): ReturnType<typeof reachedAs> => reachedAs(node, resolve);
    const before = `root@127.0.0.1:${second.port} > ${configured.user}@127.0.0.1:${first.port}`;
    try {
      expect([await told(), node.transport()]).toEqual([{ way: before, isOpen: false }, null]);
      await node.ready();
      configured = at(1);
      expect(await told()).toEqual({ way: before, isOpen: true });
      expect(node.transport()).toMatchObject({ how: { code: "ssh/transport.built-in-by-hand" }, isOpen: true });
      await first.stop();
      await expect.poll(() => node.state().state).toBe("broken");
      expect(await told()).toEqual({ way: before.replace(/\d+$/, "1"), isOpen: false });
      expect(node.transport()).toMatchObject({ how: { code: "ssh/transport.built-in-by-hand" }, isOpen: false });
    } finally {
      await access.close();
    }
  });

  describe("changed by a config while its step is carried out", () => {
    let first: Sshd;
    let second: Sshd;
    let access: Access;
    let configured: ResolvedLogin;
    let ways: readonly [string, string];
    const ids: string[] = [];

    beforeEach(async () => {
      [first, second] = [await ssh.sshd(), await ssh.sshd()];
      configured = ssh.login(first.port);
      ways = [wayOf(configured), wayOf(ssh.login(second.port))];
      access = createAccess({
        clock: systemClock,
        random: Math.random,
        newNonce: randomUUID,
        asker: createPerson(),
        hostKeys: hostKeyCheck,
        resolve: () => Promise.resolve(configured),
      });
      access.know("node", { host: "node", transport: "built-in" });
      await access.node("node").ready();
    });
    afterEach(() => access.close());
    afterAll(() => ids.forEach((id) => rmSync(recordOf(id), { recursive: true, force: true })));

    const recordOf = (id: string): string =>
      join(
        baseOf(process.getuid?.() === 0)
          .replace(/"/g, "")
          .replace("$HOME", process.env.HOME ?? "/"),
        id,
      );
    const newId = (): string => {
      const id = `test-${randomUUID()}`;
      ids.push(id);
      return id;
    };
    /** The link drops, and the next one leads to the other server. */
    const move = async (): Promise<void> => {
      configured = ssh.login(second.port);
      await first.stop();
      await expect.poll(() => access.node("node").state().state).toBe("broken");
      access.hurry(["node"]);
    };
    const performer = (wire: Wire["call"] = () => Promise.reject(new Error("nothing is called"))): Performer =>
      createPerformer({ access, clock: systemClock, wire: { call: wire, close: () => undefined } });
    const send = (by: Performer, id: string, effect: Effect): ReturnType<Performer["perform"]> =>
      by.perform(id, { node: "node", reachedAs: ways[0], shown: by.show("node", effect), deadlineMs: 20_000 }, effect);

    it("leaves a sent command unknown: the other host is not asked of it, nor told to withdraw it", async () => {
      const id = newId();
      const begun = join(ssh.directory, id);
      const argv = ["/bin/sh", "-c", 'echo ran > "$1"; sleep 2', "sh", begun] as const;
      const working = send(performer(), id, { kind: "run", command: { argv } });
      await expect.poll(() => existsSync(begun)).toBe(true);
      await move();
      const [before, after] = ways;
      const elsewhere = {
        kind: "unknown",
        reason: sentence("probe/end-elsewhere", { node: "node", before, after }),
      };
      expect(await working).toEqual(elsewhere);
      expect(await performer().recall(id, { node: "node", reachedAs: before }, 20_000)).toEqual(elsewhere);
      const never = newId();
      expect(await kindOf(access.node("node").by(before).withdraw(never))).toBe("way-changed");
      expect(existsSync(recordOf(never))).toBe(false);
      expect(await access.node("node").by(after).reattach(never)).toEqual({ kind: "none" });
    });

    it("sends nothing by the new way, neither a command nor a call, and names both", async () => {
      await move();
      const [before, after] = ways;
      const notSent = { kind: "not-sent", reason: sentence("ssh/way-changed", { node: "node", before, after }) };
      const never = newId();
      await access.node("node").ready();
      expect(
        await kindOf(
          access
            .node("node")
            .by(before)
            .runDurably(never, { argv: ["true"] }, limits),
        ),
      ).toBe("way-changed");
      expect(await send(performer(), never, { kind: "run", command: { argv: ["true"] } })).toEqual(notSent);
      expect(await send(performer(), never, ping)).toEqual(notSent);
      expect(await kindOf(access.node("node").by(before).dial(target, limits))).toBe("way-changed");
      expect(existsSync(recordOf(never))).toBe(false);
    });

    it("ends a row of calls between two of them, with what they did unknown", async () => {
      let calls = 0;
      const moving = performer(async () => {
        calls += 1;
        await move();
        return '"OK"';
      });
      const [before, after] = ways;
      expect(await send(moving, newId(), { kind: "calls", calls: [ping, ping] })).toEqual({
        kind: "unknown",
        reason: sentence("ssh/way-changed", { node: "node", before, after }),
      });
      expect(calls).toBe(1);
    });
  });
});

const limits = { deadlineMs: 20_000, maxBytes: 1_000 };
const target = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;
const ping = { kind: "redis", login: { target, user: "" }, command: ["PING"] } as const;
