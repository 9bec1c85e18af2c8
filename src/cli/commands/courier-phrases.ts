/**
 * The passphrases of what a courier carries, as options of a command.
 *
 * @module
 */

/** Passphrases: of the courier's file, and of the site's root key where it is under one. */
export interface CourierPhrases {
  readonly courier: Uint8Array
  readonly passphrase: Uint8Array | undefined
}

/** The options as they come from the command line. */
export interface PhraseFlags {
  readonly courierPassphraseFile: string
  readonly passphraseFile?: string
}

/** Where the passphrase of the courier's file is; required. */
export const COURIER = [
  '--courier-passphrase-file <file>',
  'passphrase of the file; - for stdin',
] as const
/** Where that of the root key is. */
export const ROOT = ['--passphrase-file <file>', 'passphrase of the root key'] as const

/** Reads what the options name. */
export const phrasesFrom = (
  { courierPassphraseFile, passphraseFile: root }: PhraseFlags,
  read: (file: string) => Uint8Array,
): CourierPhrases => ({
  courier: read(courierPassphraseFile),
  passphrase: root === undefined ? undefined : read(root),
})
