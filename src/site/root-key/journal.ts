/**
 * Several files of a folder changed as one: all of them after any crash, or none.
 *
 * The new files are written into one journal first. From the moment it is durable the change has
 * happened: whoever opens the folder next puts the files in their places, which takes no key, for
 * they are sealed already. What lay there before is overwritten with zeros.
 *
 * Copies made before, and media that keep overwritten sectors, are out of reach.
 *
 * @module
 */

import { cborDoor, Exactly, Octets, Text, toCbor, Type, type Disk } from '#base'
import { RootKeyRefusal } from './refusal.ts'

/** Changes the files of a folder together. */
export async function changeTogether(
  disk: Disk,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const list = [...files].map(([path, octets]) => ({ path, octets }))
  await disk.write(JOURNAL, toCbor({ v: 1, files: list }))
  await finishChange(disk)
}

/** Puts in place what a crash left in the journal; nothing where there is none. */
export async function finishChange(disk: Disk): Promise<void> {
  const journal = await disk.read(JOURNAL)
  if (journal !== undefined && (await disk.read(DONE)) === undefined) {
    for (const { path, octets } of filesIn(journal)) {
      await overwriteFile(disk, path)
      await disk.write(path, octets)
    }
    // An overwrite may be torn by a power cut: from here on the journal is not read again.
    await disk.write(DONE, Uint8Array.of(1))
  }
  await overwriteFile(disk, JOURNAL)
  await disk.remove(JOURNAL)
  await disk.remove(DONE)
}

async function overwriteFile(disk: Disk, path: string): Promise<void> {
  const old = await disk.read(path)
  if (old !== undefined) await disk.overwrite(path, 0, new Uint8Array(old.length))
}

function filesIn(journal: Uint8Array) {
  try {
    return openJournal(journal).files
  } catch (cause) {
    const message = 'The journal of a change of the root key cannot be read'
    throw new RootKeyRefusal('ROOT_KEY_DAMAGED', message, { cause })
  }
}

const JOURNAL = 'root.change'
/** While it is there, every file of the journal is in its place. */
const DONE = 'root.change.done'
const JOURNAL_OCTETS_MAX = 1_048_576
const FILES_MAX = 64
const openJournal = cborDoor(
  Exactly({
    v: Type.Literal(1),
    files: Type.Array(Exactly({ path: Text(256, 1), octets: Octets(1, JOURNAL_OCTETS_MAX) }), {
      maxItems: FILES_MAX,
    }),
  }),
  'journal',
  JOURNAL_OCTETS_MAX,
)
