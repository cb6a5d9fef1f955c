import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../main/clock";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { reachedAs } from "../../main/ssh/way";
import { cannotRun, realSsh, type RealSsh } from "./real-node";
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
});
