/** Where the window was, in Electron's own pixels. A convenience: it may be lost, and must never stop the start. */
export interface WindowPlace {
  readonly width: number;
  readonly height: number;
  readonly x?: number;
  readonly y?: number;
  readonly isMaximized: boolean;
}

/** The part of a screen that windows may take. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const smallestWindow = { width: 900, height: 600 };
const standard: WindowPlace = { width: 1440, height: 900, isMaximized: false };
/** So much of the window must lie on a screen that a person can take hold of it. */
const graspPixels = 100;

/** What was kept, as far as it is a place and a screen of now shows it. */
export function fittingPlace(kept: unknown, areas: readonly Area[]): WindowPlace {
  const place = (typeof kept === "object" && kept !== null ? kept : {}) as Partial<Record<keyof WindowPlace, unknown>>;
  const { width, height, x, y } = place;
  if (!isWhole(width) || !isWhole(height)) return standard;
  const size = {
    width: Math.max(smallestWindow.width, width),
    height: Math.max(smallestWindow.height, height),
    isMaximized: place.isMaximized === true,
  };
  if (!isWhole(x) || !isWhole(y)) return size;
  const isInReach = areas.some(
    (area) =>
      x + size.width - graspPixels >= area.x &&
      x + graspPixels <= area.x + area.width &&
      y >= area.y &&
      y + graspPixels <= area.y + area.height,
  );
  return isInReach ? { ...size, x, y } : size;
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}
