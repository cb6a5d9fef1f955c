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
import { useEffect, useRef, useState, type ReactElement, type ReactNode } from "react";
import {
  importFormats,
  type HostChange,
  type ImportedHost,
  type ImportFormat,
  type ImportOutcome,
  type ImportPreview,
  type ImportProblem,
} from "../../contract/hosts";
import type { Sentence } from "../../contract/sentence";
import { visible } from "../../contract/visible";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { changesOf, shownLogin } from "./import-hosts-model";

/** From a file to kept hosts: what it would change is shown first, and only accepting it changes anything. */
export function ImportHosts({ isOpen, close }: { readonly isOpen: boolean; readonly close: () => void }): ReactElement {
  const { word } = useWords();
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={word("ui/import")}
      size="min(72rem, 92vw)"
      closeButtonProps={{ "aria-label": word("ui/close") }}
      scrollAreaComponent={ScrollArea.Autosize}
    >
      <Import />
    </Modal>
  );
}

function Import(): ReactElement {
  const { word, said } = useWords();
  const [format, setFormat] = useState("");
  const [preview, setPreview] = useState<ImportPreview | null>(null);
  const [outcome, setOutcome] = useState<ImportOutcome | null>(null);
  const [refusal, setRefusal] = useState<Sentence | null>(null);
  const [work, setWork] = useState<"reading" | "accepting" | null>(null);
  const chooser = useRef<HTMLButtonElement>(null);
  // A button at work cannot hold the cursor; whoever works by keyboard finds it here again.
  useEffect(() => {
    if (work === null) chooser.current?.focus({ preventScroll: true });
  }, [work]);

  async function choose(): Promise<void> {
    setWork("reading");
    setRefusal(null);
    const asked = format === "" ? null : (format as ImportFormat);
    const found = await request("hosts:preview-import", { format: asked });
    setWork(null);
    if (!found.ok) return setRefusal(found.sentence);
    // A closed file dialog leaves what was shown before.
    if (found.value === null) return;
    setOutcome(null);
    setPreview(found.value);
  }

  async function accept(importId: string): Promise<void> {
    setWork("accepting");
    setRefusal(null);
    const done = await request("hosts:accept-import", { importId });
    setWork(null);
    if (!done.ok) return setRefusal(done.sentence);
    setPreview(null);
    setOutcome(done.value);
  }

  const changes = preview === null ? null : changesOf(preview);
  const isToApply = changes !== null && changes.total > 0;
  return (
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
          ref={chooser}
          data-autofocus
          variant={preview === null ? "filled" : "default"}
          loading={work === "reading"}
          disabled={work === "accepting"}
          onClick={() => void choose()}
        >
          {word("ui/import.choose")}
        </Button>
        {work === "reading" && (
          <Text size="sm" lh="36px">
            {word("ui/import.reading")}
          </Text>
        )}
      </Group>
      <div aria-live="polite">
        {outcome !== null && <Alert color="green">{word("ui/import.done", { ...outcome })}</Alert>}
        {preview !== null && <Preview preview={preview} />}
      </div>
      {(refusal !== null || isToApply) && (
        <Stack className="dialog-foot" gap="sm">
          {refusal !== null && (
            <Alert color="red" role="alert">
              {said(refusal)}
            </Alert>
          )}
          {preview !== null && isToApply && (
            <Group justify="space-between">
              <Text size="sm">{word("ui/import.summary", { ...changes })}</Text>
              <Button
                loading={work === "accepting"}
                disabled={work === "reading"}
                onClick={() => void accept(preview.importId)}
              >
                {word("ui/import.accept")}
              </Button>
            </Group>
          )}
        </Stack>
      )}
    </Stack>
  );
}

function Preview({ preview }: { readonly preview: ImportPreview }): ReactElement {
  const { word, said } = useWords();
  const { added, changed, gone, unchangedCount, unreadable, notTaken } = preview;
  const isSame = changesOf(preview).total === 0;
  const isNothing = isSame && unchangedCount === 0 && gone.length === 0;
  return (
    <Stack>
      <Text size="sm">
        <Code>{visible(preview.path)}</Code> {word(`ui/import.format.${preview.format}`)}
      </Text>
      {isNothing && (
        <Alert color="orange">{word(unreadable.length > 0 ? "ui/import.nothing-read" : "ui/import.no-hosts")}</Alert>
      )}
      {isSame && !isNothing && <Alert color="blue">{word("ui/import.no-change", { count: unchangedCount })}</Alert>}
      <Problems code="ui/import.unreadable" colour="red" problems={unreadable} />
      <Hosts
        code="ui/import.added"
        about="ui/import.login"
        colour="green"
        rows={added.map((host) => ({ host, about: shownLogin(host.login) }))}
      />
      <Hosts
        code="ui/import.changed"
        about="ui/import.change"
        colour="blue"
        rows={changed.map(({ host, changes }) => ({ host, about: <Changes changes={changes} /> }))}
      />
      <Hosts
        code="ui/import.gone"
        about="ui/import.fate"
        colour="orange"
        rows={gone.map(({ host, kept }) => ({ host, about: kept === null ? word("ui/import.removed") : said(kept) }))}
      />
      <Problems code="ui/import.not-taken" colour="gray" problems={notTaken} />
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
  about,
  colour,
  rows,
}: {
  readonly code: string;
  /** What the middle column tells. */
  readonly about: string;
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
            <Table.Th>{word(about)}</Table.Th>
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
            <Code>{visible(line === null ? file : `${file}:${line}`)}</Code> {said(what)}
          </Text>
        ))}
      </Stack>
    </Part>
  );
}
