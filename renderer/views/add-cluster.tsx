import { Alert, Button, Group, Modal, NativeSelect, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactElement } from "react";
import type { DiscoveredCluster, Discovery, KnownHost, Login, Transport } from "../../contract/inventory";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { TransportSelect } from "../parts/transport-select";
import { ask, useStore } from "../state/store";

/** From one host to a kept cluster. */
export function AddCluster({ isOpen, close }: { readonly isOpen: boolean; readonly close: () => void }): ReactElement {
  const { word, said } = useWords();
  const progress = useStore((state) => state.progress);
  const [hosts, setHosts] = useState<readonly KnownHost[]>([]);
  const [host, setHost] = useState("");
  const [user, setUser] = useState("");
  const [port, setPort] = useState<number | string>("");
  const [transport, setTransport] = useState<Transport>("auto");
  const [isLooking, setLooking] = useState(false);
  const [found, setFound] = useState<Discovery | null>(null);
  useEffect(() => {
    if (isOpen) void ask(request("hosts:list", undefined)).then((list) => setHosts(list ?? []));
  }, [isOpen]);

  async function look(): Promise<void> {
    useStore.setState({ progress: [] });
    setFound(null);
    setLooking(true);
    const login: Login = {
      host: host.trim(),
      ...(user !== "" && { user }),
      ...(typeof port === "number" && { port }),
      ...(transport !== "auto" && { transport }),
    };
    setFound(await ask(request("discovery:start", { discoveryId: crypto.randomUUID(), login })));
    setLooking(false);
  }

  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={word("ui/add")}
      size="lg"
      closeButtonProps={{ "aria-label": word("ui/close") }}
    >
      <Stack>
        <TextInput
          label={word("ui/host")}
          description={word("ui/host-help")}
          value={host}
          onChange={(event) => setHost(event.currentTarget.value)}
          data-autofocus
        />
        {hosts.length > 0 && (
          <NativeSelect
            label={word("ui/pick")}
            value={host}
            onChange={(event) => setHost(event.currentTarget.value)}
            data={["", ...hosts.map(({ alias }) => alias)]}
          />
        )}
        <Group grow>
          <TextInput label={word("ui/user")} value={user} onChange={(event) => setUser(event.currentTarget.value)} />
          <NumberInput label={word("ui/port")} value={port} onChange={setPort} min={1} max={65535} />
        </Group>
        <TransportSelect value={transport} change={setTransport} isFirst={false} />
        <Button onClick={() => void look()} loading={isLooking} disabled={host.trim() === ""}>
          {word("ui/find")}
        </Button>
        {isLooking && progress.length > 0 && (
          <div className="progress-lines">
            <Stack gap={2} aria-live="polite">
              {progress.map((line, at) => (
                <Text key={at} size="sm">
                  {said(line)}
                </Text>
              ))}
            </Stack>
          </div>
        )}
        {found?.problems.map((problem, at) => (
          <Alert key={at} color="orange">
            {said(problem)}
          </Alert>
        ))}
        {found?.clusters.length === 0 && <Alert color="orange">{word("ui/nothing-found")}</Alert>}
        {found?.clusters.map((cluster, at) => (
          <Found key={at} cluster={cluster} close={close} />
        ))}
      </Stack>
    </Modal>
  );
}

function Found({ cluster, close }: { readonly cluster: DiscoveredCluster; readonly close: () => void }): ReactElement {
  const { word } = useWords();
  const [name, setName] = useState(cluster.suggestedName);
  const members = cluster.members.map(({ member }) => member).join(", ");
  const title = word("ui/found", { engine: word(`${cluster.engine}/title`), members });
  return (
    <Group align="end" role="group" aria-label={title}>
      <TextInput
        label={title}
        aria-label={word("ui/name")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        flex={1}
      />
      <Button
        onClick={() => void ask(request("discovery:keep", { name, cluster })).then((kept) => kept !== null && close())}
      >
        {word("ui/keep")}
      </Button>
    </Group>
  );
}
