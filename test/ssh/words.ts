/** What shells, terminals and programs give a meaning to, alone and in company. */
const pieces = [
  ...Array.from("'\"\\$`!%*?[]{}()<>|&;#~^=-+:,./@ \t\r\n\u0001\u0007\u0008\u001b\u007f\u0085\u00a0\u202e\ufeff\ufffd"),
  ...[
    "'\\''",
    "\\'",
    '\\"',
    "\\\n",
    "$'\\n'",
    "$HOME",
    "${IFS}",
    "$$",
    "$?",
    "$(id)",
    "`id`",
    "<(id)",
    "!!",
    "!1",
    "!$",
  ],
  ...["%s", "%%", "%n", "%1", "\\0", "\\x41", "\\c", "*.*", "[a-z]", "{a,b}", "~root", "&&", "||", ";;", ">>", "2>&1"],
  ...[
    "-n",
    "-e",
    "--",
    "--help",
    "-rf",
    "EOF",
    "exit",
    "a",
    "db-1",
    "path/to",
    "日本",
    "é",
    "e\u0301",
    "😀",
    "\u{10ffff}",
  ],
];
const bytePieces = [0x80, 0xbf, 0xc0, 0xc1, 0xe2, 0xed, 0xf0, 0xf5, 0xfe, 0xff].map((byte) =>
  String.fromCharCode(byte),
);

export interface Words {
  /** A word without NUL and without half a surrogate pair: any argument that can be written down. */
  text(): string;
  /** Any bytes but NUL, one a character; most are no UTF-8. */
  bytes(): string;
}

/** Words nobody would type, the same for the same seed. `mark` is a file that one of them would make, were it ever run. */
export function createWords(seed: number, mark: string): Words {
  const below = randomBelow(seed);
  const run = [
    `'; touch ${mark}; #`,
    `\\'; touch ${mark}; #`,
    `$(touch ${mark})`,
    `\n touch ${mark}\n`,
    `\`touch ${mark}\``,
  ];
  const one = (some: readonly string[]): string => some[below(some.length)] ?? "";
  const character = (): string => {
    const point = 1 + below(below(4) === 0 ? 0x10ffff : 0xff);
    return point >= 0xd800 && point <= 0xdfff ? "\ud83d\ude00" : String.fromCodePoint(point);
  };
  const word = (piece: () => string): string => {
    const start = below(10) === 0 ? "-" : "";
    const length = below(3_000) === 0 ? below(20_000) : below(14);
    return start + Array.from({ length }, piece).join("");
  };
  return {
    text: () => (below(50) === 0 ? one(run) : word(below(4) === 0 ? character : () => one(pieces))),
    bytes: () => word(() => (below(3) === 0 ? one(bytePieces) : String.fromCharCode(1 + below(255)))),
  };
}

/** Whole numbers below a bound, from mulberry32: small, fast and the same everywhere. */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
