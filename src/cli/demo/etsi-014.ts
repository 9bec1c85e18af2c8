/**
 * An application of a ward that asks for keys: ETSI GS QKD 014 over mutual TLS, as any other would.
 *
 * @module
 */

import { callKme } from '../etsi-014.ts'

export interface KeyAnswer {
  readonly status: number
  readonly body: {
    readonly keys?: readonly { readonly key_ID: string; readonly key: string }[]
    readonly stored_key_count?: number
    readonly message?: string
  }
  /** Key exchange group of the connection. */
  readonly group: string
}

/** Asks the KME on a port of this machine, with the certificate in a folder. */
export async function askKme(
  { port, certificates }: { readonly port: number; readonly certificates: string },
  path: string,
): Promise<KeyAnswer> {
  const { status, body, group } = await callKme(
    { url: `https://127.0.0.1:${String(port)}`, certificates },
    path,
  )
  return { status, body: body ?? {}, group }
}
