/**
 * Who is calling: the SAE that a client certificate names.
 *
 * GS QKD 014 §5.1 has the KME take the SAE ID from the certificate and leaves open from which
 * field. Peers use the common name, a URI among the alternative names, or a table of serial
 * numbers; all three are understood, in an order that is configured. The first that names an SAE
 * decides.
 *
 * Relies on the listener for the certificate being verified.
 *
 * @module
 */

import { saeId, type ClientCertificate, type SaeId } from '#base'

/** Where in a certificate an SAE ID may stand. */
export type SaeField = 'uri' | 'common-name' | 'serial'

/** How SAE IDs are read from certificates. */
export interface CallerRules {
  /** Fields to look at, in order. Default: URI, then common name. */
  readonly fields?: readonly SaeField[]
  /** SAE IDs by serial number (upper-case hexadecimal), for `serial`. */
  readonly serials?: Readonly<Record<string, SaeId>>
}

/** The SAE a certificate names; undefined if none, or more than one, by the deciding field. */
export function callerOf(
  certificate: ClientCertificate | undefined,
  { fields = ['uri', 'common-name'], serials = {} }: CallerRules = {},
): SaeId | undefined {
  if (certificate === undefined) return undefined
  for (const field of fields) {
    const named = namesIn(certificate, field, serials)
    if (named.length > 0) return named.length === 1 ? named[0] : undefined
  }
  return undefined
}

function namesIn(
  certificate: ClientCertificate,
  field: SaeField,
  serials: Readonly<Record<string, SaeId>>,
): readonly SaeId[] {
  switch (field) {
    case 'uri': {
      const uris = certificate.uriNames.filter((uri) => uri.startsWith(SAE_URI))
      return uris.flatMap((uri) => named(uri.slice(SAE_URI.length)))
    }
    case 'common-name':
      return named(certificate.commonName ?? '')
    case 'serial': {
      const { serialNumber } = certificate
      return Object.hasOwn(serials, serialNumber) ? [serials[serialNumber]] : []
    }
  }
}

function named(text: string): readonly SaeId[] {
  try {
    return [saeId(text)]
  } catch {
    return []
  }
}

/** Prefix of the URI that names an SAE in certificates of ours. */
const SAE_URI = 'photonward:sae:'
