import { visible } from "../../contract/visible";
import { SshError } from "./ssh-error";

/** What sshd says where a password must be changed first, and what nologin says; both speak English whatever the account's language. */
const expired = /password has expired|Password change required/i;
const unavailable = /account is currently not available/i;
const mostCharacters = 500;

/** Pure. Why a login shell ended before it could be asked anything, by what it printed. */
export function shellEnded(node: string, printed: string): SshError {
  const problem = visible(printed.trim()).slice(0, mostCharacters) || "ssh/shell-said-nothing";
  if (expired.test(printed)) return new SshError("password-expired", node);
  if (unavailable.test(printed)) return new SshError("account-unusable", node, { problem });
  return new SshError("shell-unusable", node, { problem });
}
