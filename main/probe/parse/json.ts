import { ParseError } from "../probe";

/** One JSON object, read field by field; what is not as asked is a ParseError that says what was being read. */
export interface JsonObject {
  has(name: string): boolean;
  text(name: string): string;
  textOrNull(name: string): string | null;
  /** A whole number that is not negative, as a number or as decimal text, the way protobuf writes 64 bits. */
  count(name: string): number;
  /** The same; protobuf's JSON leaves out a field that is zero. */
  countOrZero(name: string): number;
  number(name: string): number;
  /** Left out means false, as in protobuf's JSON. */
  flag(name: string): boolean;
  object(name: string): JsonObject;
  /** Left out means empty. */
  objects(name: string): readonly JsonObject[];
  texts(name: string): readonly string[];
  names(): readonly string[];
}

export function parseJsonObject(what: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ParseError(what, text);
    throw error;
  }
  return objectOf(what, value);
}

function objectOf(what: string, value: unknown): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ParseError(what, JSON.stringify(value));
  const fields = value as Readonly<Record<string, unknown>>;
  const get = (name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  const wrong = (name: string): ParseError => new ParseError(`${what}: ${name}`, JSON.stringify(get(name)));
  const list = (name: string): readonly unknown[] => {
    const found = get(name);
    if (found === undefined || found === null) return [];
    if (!Array.isArray(found)) throw wrong(name);
    return found as readonly unknown[];
  };
  const textOrNull = (name: string): string | null => {
    const found = get(name);
    if (found === undefined || found === null) return null;
    if (typeof found !== "string") throw wrong(name);
    return found;
  };
  const count = (name: string): number => {
    const found = get(name);
    const number = typeof found === "string" && /^\d+$/.test(found) ? Number(found) : found;
    if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) throw wrong(name);
    return number;
  };
  return {
    has: (name) => get(name) !== undefined,
    text: (name) => {
      const found = textOrNull(name);
      if (found === null) throw wrong(name);
      return found;
    },
    textOrNull,
    count,
    countOrZero: (name) => (get(name) === undefined ? 0 : count(name)),
    number: (name) => {
      const found = get(name);
      if (typeof found !== "number" || !Number.isFinite(found)) throw wrong(name);
      return found;
    },
    flag: (name) => {
      const found = get(name) ?? false;
      if (typeof found !== "boolean") throw wrong(name);
      return found;
    },
    object: (name) => objectOf(`${what}: ${name}`, get(name)),
    objects: (name) => list(name).map((entry) => objectOf(`${what}: ${name}`, entry)),
    texts: (name) =>
      list(name).map((entry) => {
        if (typeof entry !== "string") throw wrong(name);
        return entry;
      }),
    names: () => Object.keys(fields),
  };
}
