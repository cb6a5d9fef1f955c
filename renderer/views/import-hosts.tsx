import {
  Alert,
  Badge,
  Button,
  Code,
  Group,
  Modal,
  NativeSelect,
  ScrollArea,
  Stack,
  Table,
  Text,
  Title,
} from "@mantine/core";
import { useState, type ReactElement, type ReactNode } from "react";
import {
  importFormats,
  type HostChange,
  type ImportedHost,
  type ImportFormat,
  type ImportOutcome,
  type ImportPreview,
  type ImportProblem,
} from "../../contract/hosts";
import { visible } from "../../contract/visible";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask } from "../state/store";
import { changeCount, shownLogin } from "./import-hosts-model";

/** From a file to kept hosts: what it would change is shown first, and only accepting it changes anything. */
export function ImportHosts({ isOpen, close }: { readonly isOpen: boolean; readonly close: () => void }): ReactElement {
  const { word } = useWords();
  const [format, setFormat] = useState("");
  const [preview, setPreview] = useState<ImportPreview | null>(null);
  const [outcome, setOutcome] = useState<ImportOutcome | null>(null);
  const [isBusy, setBusy] = useState(false);

  async function choose(): Promise<void> {
    setBusy(true);
    const asked = format === "" ? null : (format as ImportFormat);
    const found = await ask(request("hosts:preview-import", { format: asked }));
    setBusy(false);
    // A closed dialog leaves what was shown before.
    if (found === null) return;
    setOutcome(null);
    setPreview(found);
  }

  async function accept(importId: string): Promise<void> {
    setBusy(true);
    const done = await ask(request("hosts:accept-import", { importId }));
    setBusy(false);
    setPreview(null);
    setOutcome(done);
  }

  return (
    <Modal
      opened={isOpen}
      onClose={() => {
        setPreview(null);
        setOutcome(null);
        close();
      }}
      title={word("ui/import")}
      size="min(72rem, 92vw)"
      closeButtonProps={{ "aria-label": word("ui/close") }}
      scrollAreaComponent={ScrollArea.Autosize}
    >
      <Stack>
        <Text size="sm">{word("ui/import.help")}</Text>
        <Group align="end">
          <NativeSelect
            label={word("ui/import.format")}
            value={format}
            onChange={(event) => setFormat(event.currentTarget.value)}
            data={[
              { value: "", label: word("ui/import.format-any") },
              ...importFormats.map((value) => ({ value, label: word(`ui/import.format.${value}`) })),
            ]}
          />
          <Button
            data-autofocus
            variant={preview === null ? "filled" : "default"}
            loading={isBusy}
            onClick={() => void choose()}
          >
            {word("ui/import.choose")}
          </Button>
        </Group>
        <div aria-live="polite">
          {outcome !== null && <Alert color="green">{word("ui/import.done", { ...outcome })}</Alert>}
          {preview !== null && (
            <Preview preview={preview} isBusy={isBusy} accept={() => void accept(preview.importId)} />
          )}
        </div>
      </Stack>
    </Modal>
  );
}

function Preview({
  preview,
  isBusy,
  accept,
}: {
  readonly preview: ImportPreview;
  readonly isBusy: boolean;
  readonly accept: () => void;
}): ReactElement {
  const { word, said } = useWords();
  const { added, changed, gone, unchangedCount, unreadable, notTaken } = preview;
  const count = changeCount(preview);
  const isNothing = count === 0 && unchangedCount === 0 && gone.length === 0;
  return (
    <Stack>
      <Text size="sm">
        <Code>{visible(preview.path)}</Code> {word(`ui/import.format.${preview.format}`)}
      </Text>
      {isNothing && (
        <Alert color="orange">{word(unreadable.length > 0 ? "ui/import.nothing-read" : "ui/import.no-hosts")}</Alert>
      )}
      {count === 0 && !isNothing && (
        <Alert color="blue">{word("ui/import.no-change", { count: unchangedCount })}</Alert>
      )}
      <Problems code="ui/import.unreadable" colour="red" problems={unreadable} />
      <Hosts
        code="ui/import.added"
        colour="green"
        rows={added.map((host) => ({ host, about: shownLogin(host.login) }))}
      />
      <Hosts
        code="ui/import.changed"
        colour="blue"
        rows={changed.map(({ host, changes }) => ({ host, about: <Changes changes={changes} /> }))}
      />
      <Hosts
        code="ui/import.gone"
        colour="orange"
        rows={gone.map(({ host, kept }) => ({ host, about: kept === null ? word("ui/import.removed") : said(kept) }))}
      />
      <Problems code="ui/import.not-taken" colour="gray" problems={notTaken} />
      {count > 0 && (
        <Group justify="space-between" pos="sticky" bottom={0} py="sm" bg="var(--mantine-color-body)">
          <Text size="sm">{word("ui/import.unchanged", { count: unchangedCount })}</Text>
          <Button loading={isBusy} onClick={accept}>
            {word("ui/import.accept", { count })}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** More rows than a person reads would only slow the window; the count above them is of all. */
const mostRows = 500;

function Part({
  code,
  colour,
  count,
  children,
}: {
  readonly code: string;
  readonly colour: string;
  readonly count: number;
  readonly children: ReactNode;
}): ReactElement | null {
  const { word } = useWords();
  if (count === 0) return null;
  return (
    <section aria-label={word(code)}>
      <Group gap="xs" mb={4}>
        <Title order={3} size="h5">
          {word(code)}
        </Title>
        <Badge color={colour} variant="light" autoContrast c="var(--mantine-color-text)">
          {count}
        </Badge>
      </Group>
      {children}
      {count > mostRows && <Text size="sm">{word("ui/import.more", { count: count - mostRows })}</Text>}
    </section>
  );
}

function Hosts({
  code,
  colour,
  rows,
}: {
  readonly code: string;
  readonly colour: string;
  readonly rows: readonly { readonly host: ImportedHost; readonly about: ReactNode }[];
}): ReactElement | null {
  const { word } = useWords();
  return (
    <Part code={code} colour={colour} count={rows.length}>
      <Table verticalSpacing={4} layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="28%">{word("ui/import.host")}</Table.Th>
            <Table.Th>{word("ui/import.login")}</Table.Th>
            <Table.Th w="24%">{word("ui/import.groups")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, mostRows).map(({ host, about }) => (
            <Table.Tr key={host.name}>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{visible(host.name)}</Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                {typeof about === "string" ? visible(about) : about}
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{visible(host.groups.join(", "))}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Part>
  );
}

function Changes({ changes }: { readonly changes: readonly HostChange[] }): ReactElement {
  const { word } = useWords();
  const shown = (value: string | null): string =>
    value === null || value === "" ? word("ui/import.left-out") : visible(value);
  return (
    <>
      {changes.map(({ field, before, after }) => (
        <Text key={field} size="sm">
          {`${word(`ui/import.field.${field}`)}: ${shown(before)} → ${shown(after)}`}
        </Text>
      ))}
    </>
  );
}

function Problems({
  code,
  colour,
  problems,
}: {
  readonly code: string;
  readonly colour: string;
  readonly problems: readonly ImportProblem[];
}): ReactElement | null {
  const { said } = useWords();
  return (
    <Part code={code} colour={colour} count={problems.length}>
      <Stack gap={4}>
        {problems.slice(0, mostRows).map(({ file, line, what }, at) => (
          <Text key={at} size="sm" style={{ overflowWrap: "anywhere" }}>
            <Code>{visible(line === null ? file : `${file}:${line}`)}</Code> {visible(said(what))}
          </Text>
        ))}
      </Stack>
    </Part>
  );
}
