/** Commands by which a record leaves in a file, and comes back. @module */

import { createReadStream, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import { utf8 } from '#base'
import { siteRoutes, type PortableImportView } from '#contract'
import { newContext } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { intoNewFile, readText, unreadable } from '../files.ts'
import { listing } from '../output.ts'

/** What only the real world can do. */
export interface PortablePowers {
  /** A hybrid identity of age, and whom files are sealed for that it shall open. */
  readonly newAgeIdentity: () => Promise<{ readonly identity: string; readonly recipient: string }>
  /** What a file of age says. @param identities   as in a file of them */
  readonly openAge: (
    file: AsyncIterable<Uint8Array>,
    identities: string,
  ) => AsyncIterable<Uint8Array>
}

/** Adds them to the command `patient`, which is there already. */
export function addPortableCommands(program: Command, powers: PortablePowers): void {
  const patient = program.commands.find((one) => one.name() === 'patient') ?? program
  const context = () => newContext(program.opts())
  patient
    .command('export <patient>')
    .description(siteRoutes.exportPatient.summary)
    .requiredOption('--to <recipients...>', 'age1pq1… (hybrid) or age1… (X25519), all of one kind')
    .requiredOption('--out <file>', 'file to write; it must not exist')
    .action(async (id: string, { to, out: file }: { to: string[]; out: string }) => {
      const { out, site } = context()
      const parts = site().stream('exportPatient', { patient: id }, { to })
      const octets = await written(file, parts)
      out.data({ file, octets }, () => `${file}: ${octets} octets, for ${to.length} to open`)
    })
  patient
    .command('import <file>')
    .description('Take in a record with its past from a file that was exported')
    .requiredOption('--identity <file>', 'file with the identity of age that opens it')
    .action(async (file: string, { identity }: { identity: string }) => {
      const { out, site } = context()
      const octets = await opened(file, powers.openAge(streamOf(file), readText(identity)))
      out.data(await site().call('importPatient', {}, octets), importView)
    })
  patient
    .command('identity <file>')
    .description('Make a hybrid identity of age for records in files, and say its recipient')
    .action(async (file: string) => {
      const { identity, recipient } = await powers.newAgeIdentity()
      const text = `# recipient: ${recipient}\n${identity}\n`
      await intoNewFile(file, () => Promise.resolve(utf8(text)))
      context().out.data({ file, recipient }, () => recipient)
    })
}

/** Writes the parts as they come; nothing is left of a file that did not become whole. */
async function written(
  file: string,
  parts: AsyncIterable<{ readonly part: string }>,
): Promise<number> {
  const handle = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    throw new CliRefusal('FILE_UNWRITABLE', `Cannot write ${file}`, { cause })
  })
  let octets = 0
  try {
    for await (const { part } of parts) {
      const { bytesWritten } = await handle.write(Uint8Array.fromBase64(part))
      octets += bytesWritten
    }
    await handle.sync()
  } catch (error) {
    rmSync(file)
    throw error
  } finally {
    await handle.close()
  }
  return octets
}

async function opened(file: string, parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  let octets = 0
  for await (const part of parts) {
    octets += part.length
    if (octets > RECORD_OCTETS_MAX) {
      const message = `${file} holds more than ${RECORD_OCTETS_MAX} octets`
      throw new CliRefusal('FILE_TOO_LARGE', message)
    }
    all.push(part)
  }
  return Buffer.concat(all)
}

async function* streamOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of createReadStream(file)) yield part as Uint8Array
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

const importView = ({ versions, proven, written, patients }: PortableImportView): string =>
  listing([
    ['versions', `${versions} in the file, ${written} of them new here`],
    ['signed', `${proven} by sites that this one knows`],
    ['patients', patients.join(', ') || 'nothing new'],
  ])

/** What a site takes in at once. */
const RECORD_OCTETS_MAX = 32 * 1024 * 1024
