import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port";

const realm = "EVENKEEL.TEST";
const password = "a password of the realm";
const programs = ["/usr/sbin/krb5kdc", "/usr/sbin/kdb5_util", "/usr/sbin/kadmin.local", "/usr/bin/kinit"];

export function hasKerberos(): boolean {
  return programs.every((program) => existsSync(program));
}

/** A real Kerberos realm on loopback. */
export interface Kerberos {
  /** What a client needs to use the realm; it holds the ticket of the account. */
  readonly client: Readonly<Record<string, string>>;
  /** The same without a ticket. */
  readonly clientWithoutTicket: Readonly<Record<string, string>>;
  /** What a server on 127.0.0.1 needs to take tickets. */
  readonly server: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts a realm in which the account has a ticket and 127.0.0.1 is a host; nothing of the machine's own Kerberos is touched. */
export async function startKerberos(directory: string, account: string): Promise<Kerberos> {
  mkdirSync(directory, { recursive: true });
  const at = (name: string): string => join(directory, name);
  const kdcAddress = `127.0.0.1:${await freePort(["127.0.0.1"])}`;
  writeFileSync(
    at("krb5.conf"),
    `[libdefaults]
  default_realm = ${realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  forwardable = true
[realms]
  ${realm} = {
    kdc = ${kdcAddress}
  }
[domain_realm]
  127.0.0.1 = ${realm}
`,
  );
  writeFileSync(
    at("kdc.conf"),
    `[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = ${kdcAddress}
[realms]
  ${realm} = {
    database_name = ${at("principal")}
    key_stash_file = ${at("stash")}
    acl_file = ${at("acl")}
  }
[logging]
  kdc = FILE:${at("kdc.log")}
`,
  );
  const own = { KRB5_CONFIG: at("krb5.conf"), KRB5_KDC_PROFILE: at("kdc.conf"), PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  const client = { KRB5_CONFIG: own.KRB5_CONFIG, KRB5CCNAME: `FILE:${at("tickets")}` };
  const run = (program: string, args: readonly string[], input = ""): unknown =>
    execFileSync(program, args, { env: { ...own, ...client }, input, stdio: ["pipe", "pipe", "pipe"] });
  run("kdb5_util", ["create", "-s", "-r", realm, "-P", password]);
  run("kadmin.local", ["-q", `addprinc -pw "${password}" ${account}`]);
  run("kadmin.local", ["-q", "addprinc -randkey host/127.0.0.1"]);
  run("kadmin.local", ["-q", `ktadd -k ${at("keytab")} host/127.0.0.1`]);
  const kdc = spawn("krb5kdc", ["-n"], { env: own, stdio: ["ignore", "ignore", "pipe"] });
  // krb5kdc: starting...
  await once(kdc.stderr, "data");
  run("kinit", [account], `${password}\n`);
  return {
    client,
    clientWithoutTicket: { ...client, KRB5CCNAME: `FILE:${at("no-tickets")}` },
    server: { KRB5_CONFIG: own.KRB5_CONFIG, KRB5_KTNAME: `FILE:${at("keytab")}`, PATH: own.PATH },
    stop: async () => {
      const ended = once(kdc, "exit");
      kdc.kill("SIGTERM");
      await ended;
    },
  };
}
