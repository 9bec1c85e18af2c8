/**
 * What an authority did, act by act, in its own folder: `authority.log`, one JSON object a line.
 *
 * Written before the act takes effect, so that nothing is ever issued that is not noted. Each line
 * names the SHA-256 of the one before: a line that is changed, taken out or put in breaks the chain.
 * Whoever holds the folder can still write the whole file anew, or cut off its end: an authority is
 * offline and has no witness. Print the last line where others can see it.
 *
 * @module
 */

import { hex, isoTime, textOf, utf8, type Disk } from '#base'
import { sha256 } from '#crypto'
import type { AuditEvent } from '#audit'

/** One act as the file has it. */
export interface Act {
  readonly at: string
  readonly kind: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** Appends acts, durably. */
export async function noteActs(disk: Disk, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return
  const lines = linesOf(await disk.read(FILE))
  for (const { at, kind, facts } of events) {
    lines.push(JSON.stringify({ at: isoTime(at), kind, facts, before: linkTo(lines.at(-1)) }))
  }
  await disk.write(FILE, utf8(`${lines.join('\n')}\n`))
}

/** All acts, oldest first, and the number of the first line (from 1) that breaks the chain. */
export async function readActs(
  disk: Disk,
): Promise<{ readonly acts: readonly Act[]; readonly brokenAt: number | undefined }> {
  const acts: Act[] = []
  let brokenAt: number | undefined
  let last: string | undefined
  for (const [place, line] of linesOf(await disk.read(FILE)).entries()) {
    const act = actIn(line)
    if (act?.before !== linkTo(last)) brokenAt ??= place + 1
    if (act !== undefined) acts.push({ at: act.at, kind: act.kind, facts: act.facts })
    last = line
  }
  return { acts, brokenAt }
}

const linkTo = (line: string | undefined): string =>
  line === undefined ? '' : hex(sha256(utf8(line)))

const linesOf = (octets: Uint8Array | undefined): string[] =>
  octets === undefined
    ? []
    : textOf(octets)
        .split('\n')
        .filter((line) => line !== '')

function actIn(line: string): (Act & { readonly before: unknown }) | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { at, kind, facts, before } = value as Readonly<Record<string, unknown>>
  if (typeof at !== 'string' || typeof kind !== 'string') return undefined
  if (typeof facts !== 'object' || facts === null) return undefined
  return { at, kind, facts: facts as Act['facts'], before }
}

const FILE = 'authority.log'
