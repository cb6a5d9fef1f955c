import { execFile } from "node:child_process";
import { access } from "node:fs/promises";

const answerMs = 5_000;

/**
 * Whether this desktop holds a Kerberos ticket that is still good, as `klist -s` tells by its exit code, wherever tickets are kept. A desktop
 * without `klist` may still have one: there the file that they stand in by default speaks for it.
 */
export async function hasTicket(environment: NodeJS.ProcessEnv): Promise<boolean> {
  const answered = await new Promise<"good" | "none" | "no klist">((resolve) => {
    execFile("klist", ["-s"], { env: environment, timeout: answerMs }, (error) => {
      if (error === null) resolve("good");
      else resolve(error.code === "ENOENT" ? "no klist" : "none");
    });
  });
  if (answered !== "no klist") return answered === "good";
  const named = environment.KRB5CCNAME ?? `/tmp/krb5cc_${process.getuid?.() ?? ""}`;
  return access(named.replace(/^FILE:/, "")).then(
    () => true,
    () => false,
  );
}
