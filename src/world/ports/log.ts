/** @module */

import type { Facts, Log, LogLevel } from '#base'

/** Keeps what is logged, so that tests can look for what must and must not be there. */
export class MemoryLog implements Log {
  readonly lines: { level: LogLevel; event: string; facts: Facts }[] = []

  write(level: LogLevel, event: string, facts: Facts = {}): void {
    this.lines.push({ level, event, facts })
  }
}
