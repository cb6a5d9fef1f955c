import { Anchor, Button, Checkbox, Group, Modal, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { useState, type ReactElement } from "react";
import type { Login, LoginChange, Node } from "../../contract/inventory";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask } from "../state/store";
import { TransportSelect } from "./transport-select";

/** Beside a host of a cluster: how it is logged in to, and by which client, to be set anew. */
export function HostLogin({ clusterId, node }: { readonly clusterId: string; readonly node: string }): ReactElement {
  const { word } = useWords();
  const [nodes, setNodes] = useState<readonly Node[] | null>(null);
  const kept = nodes?.find((one) => one.node === node);
  const open = async (): Promise<void> => setNodes(await ask(request("logins:read", { clusterId })));
  return (
    <>
      <Anchor
        component="button"
        type="button"
        size="xs"
        aria-label={word("ui/login.change-of", { node })}
        onClick={() => void open()}
      >
        {word("ui/login.change")}
      </Anchor>
      <Modal
        opened={kept !== undefined}
        onClose={() => setNodes(null)}
        title={word("ui/login.change-of", { node })}
        closeButtonProps={{ "aria-label": word("ui/close") }}
      >
        {kept !== undefined && (
          <LoginForm
            kept={kept.login}
            save={async (change, isForAll) => {
              const names = isForAll ? (nodes ?? []).map((one) => one.node) : [node];
              const changed = await ask(request("logins:change", { clusterId, nodes: names, change }));
              if (changed !== null) setNodes(null);
            }}
          />
        )}
      </Modal>
    </>
  );
}

function LoginForm({
  kept,
  save,
}: {
  readonly kept: Login;
  readonly save: (change: LoginChange, isForAll: boolean) => Promise<void>;
}): ReactElement {
  const { word } = useWords();
  const [user, setUser] = useState(kept.user ?? "");
  const [port, setPort] = useState<number | string>(kept.port ?? "");
  const [transport, setTransport] = useState(kept.transport ?? "auto");
  const [isForAll, setForAll] = useState(false);
  const wanted = {
    user: user.trim() === "" ? null : user.trim(),
    port: typeof port === "number" ? port : null,
    transport,
  };
  // What was left as it is must not be set on other hosts, which may have their own.
  const change: LoginChange = {
    ...(wanted.user !== (kept.user ?? null) && { user: wanted.user }),
    ...(wanted.port !== (kept.port ?? null) && { port: wanted.port }),
    ...(wanted.transport !== (kept.transport ?? "auto") && { transport }),
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save(change, isForAll);
      }}
    >
      <Stack>
        <Text size="sm">{word("ui/login.help", { host: kept.host })}</Text>
        <TransportSelect value={transport} change={setTransport} isFirst />
        <Group grow>
          <TextInput label={word("ui/user")} value={user} onChange={(event) => setUser(event.currentTarget.value)} />
          <NumberInput
            label={word("ui/port")}
            value={port}
            onChange={setPort}
            min={1}
            max={65535}
            allowDecimal={false}
          />
        </Group>
        <Checkbox
          label={word("ui/login.for-all")}
          description={word("ui/login.for-all-help")}
          checked={isForAll}
          onChange={(event) => setForAll(event.currentTarget.checked)}
        />
        <Button type="submit" disabled={Object.keys(change).length === 0}>
          {word("ui/login.save")}
        </Button>
      </Stack>
    </form>
  );
}
