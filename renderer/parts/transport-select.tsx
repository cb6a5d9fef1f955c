import { NativeSelect } from "@mantine/core";
import type { ReactElement } from "react";
import { transports, transportSchema, type Transport } from "../../contract/inventory";
import { useWords } from "../i18n/words";

/** Which client makes a login. */
export function TransportSelect({
  value,
  change,
  isFirst,
}: {
  readonly value: Transport;
  /** Of a dialog: where one begins. */
  readonly isFirst: boolean;
  readonly change: (value: Transport) => void;
}): ReactElement {
  const { word } = useWords();
  return (
    <NativeSelect
      label={word("ui/transport")}
      description={word(`ui/transport.${value}-help`)}
      inputWrapperOrder={["label", "input", "description"]}
      data-autofocus={isFirst || undefined}
      value={value}
      onChange={(event) => change(transportSchema.parse(event.currentTarget.value))}
      data={transports.map((one) => ({ value: one, label: word(`ui/transport.${one}`) }))}
    />
  );
}
