import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../lab/free-port";
import { hasKerberos, startKerberos, type Kerberos } from "../lab/kerberos";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { hostLines, kindOf, makeWorld, type Transport, type World } from "./transport-world";

const cannotRun = systemSshd() === null || !hasKerberos();

describe.skipIf(cannotRun && process.env.CI !== "true")("logins by Kerberos on a real sshd and a real realm", () => {
  let world: World;
  let kerberos: Kerberos;
  let sshd: Sshd;

  beforeAll(async () => {
    world = await makeWorld();
    kerberos = await startKerberos(join(world.scratch(), "realm"), userInfo().username);
    sshd = await startSshd({
      directory: join(world.scratch(), "server"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: [],
      // The machine's own name is not in the realm.
      config: ["GSSAPIAuthentication yes", "GSSAPIStrictAcceptorCheck no"],
      environment: kerberos.server,
    });
  });
  afterAll(async () => {
    await sshd.stop();
    await kerberos.stop();
    await world.close();
  });

  const reach = async (
    transport: Transport,
    lines: readonly string[],
    environment = kerberos.client,
  ): Promise<readonly unknown[]> => {
    const config = ["Host node", "  HostName 127.0.0.1", `  Port ${sshd.port}`, ...lines.map((line) => `  ${line}`)];
    const { node, asked } = world.reach(transport, config, { environment });
    const kind = await kindOf(node.ready());
    expect(asked).toEqual([]);
    const { code, facts } = node.transport()?.how ?? { code: "none", facts: {} };
    return [kind, code, facts.why];
  };

  it("logs in by a ticket over the system's ssh where Kerberos is to be tried first", async () => {
    const first = ["GSSAPIAuthentication yes", "PreferredAuthentications gssapi-with-mic,publickey"];
    expect(await reach("auto", first)).toEqual(["no error", "ssh/transport.system", "ssh/transport.why-setting"]);
    expect(sshd.log()).toContain("Accepted gssapi-with-mic");
  });

  it("goes on by the system's ssh where keys were refused, the host takes Kerberos and there is a ticket", async () => {
    const standard = ["GSSAPIAuthentication yes"];
    expect(await reach("auto", standard)).toEqual(["no error", "ssh/transport.system", "ssh/transport.why-ticket"]);
    const byHand = ["ticket-needs-system-ssh", "ssh/transport.built-in-by-hand", undefined];
    expect(await reach("built-in", standard)).toEqual(byHand);
    const refused = ["login-refused", "ssh/transport.built-in", undefined];
    expect(await reach("auto", standard, kerberos.clientWithoutTicket)).toEqual(refused);
    expect(await reach("auto", ["GSSAPIAuthentication no"])).toEqual(refused);
  });

  it("leaves no ticket on the host, also where the config says so", async () => {
    const first = ["GSSAPIAuthentication yes", "PreferredAuthentications gssapi-with-mic,publickey"];
    const config = ["Host node", "  HostName 127.0.0.1", `  Port ${sshd.port}`, "  GSSAPIDelegateCredentials yes"];
    const { node } = world.reach("auto", [...config, ...first.map((line) => `  ${line}`)], {
      environment: kerberos.client,
    });
    const script = 'printf "by %s, ticket at %s" "${SSH_CONNECTION:+ssh}" "$KRB5CCNAME"';
    expect((await node.read(script, { deadlineMs: 10_000, maxBytes: 1_000 })).stdout).toBe("by ssh, ticket at ");
    expect(node.transport()?.how.code).toBe("ssh/transport.system");
  });

  it("names the host to choose the system's ssh for, and the hop that would take the ticket", async () => {
    const at = (port: number): readonly string[] => ["  HostName 127.0.0.1", `  Port ${port}`];
    const bastion = ["Host bastion", ...at(sshd.port), "  GSSAPIAuthentication yes"];
    const target = ["Host node", ...at(world.servers.plain.port), "  ProxyJump bastion"];
    const { node } = world.reach("built-in", [...target, ...bastion], { environment: kerberos.client });
    const refused = await node.ready().then(
      () => null,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ kind: "ticket-needs-system-ssh", node: "node", facts: { hop: "bastion" } });
  });

  it("says that a ticket was not tried where there is no ssh that could use it", async () => {
    const { node } = world.reach(
      "auto",
      ["Host node", "  HostName 127.0.0.1", `  Port ${sshd.port}`, "  GSSAPIAuthentication yes"],
      { environment: { ...kerberos.client, PATH: "/nowhere" } },
    );
    expect(await kindOf(node.ready())).toBe("ticket-needs-system-ssh");
    expect(node.transport()?.how.facts.problem).toBe("ssh/system-ssh.missing");
  });

  it("keeps the built-in client, ticket or not, for a host that takes the key", async () => {
    const { node } = world.reach("auto", hostLines(world, "plain", ["GSSAPIAuthentication yes"]), {
      environment: kerberos.client,
    });
    await node.ready();
    expect(node.transport()?.how.code).toBe("ssh/transport.built-in");
  });
});
