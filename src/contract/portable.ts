/**
 * Routes by which a record leaves in a file that is sealed for somebody, and comes back.
 *
 * @module
 */

import { Exactly, Text, Type, UuidText, Whole, type Static } from '#base'
import { rawBody, route } from './route.ts'

export const PortableImportShape = Exactly({
  /** Versions in the file. */
  versions: Whole(0),
  /** Of these, how many a site that this one knows has signed. */
  proven: Whole(0),
  written: Whole(0),
  patients: Type.Array(UuidText),
})
export type PortableImportView = Static<typeof PortableImportShape>

export const portableRoutes = {
  exportPatient: route({
    method: 'POST',
    path: '/v1/records/:patient/export',
    summary: "A patient's whole record with its past, sealed for recipients of age; it is logged",
    query: Exactly({ patient: UuidText }),
    body: Exactly({ to: Type.Array(Text(4096, 1), { minItems: 1, maxItems: 20 }) }),
    /** Octets of the file, base64. */
    answer: Exactly({ part: Type.String() }),
    stream: true,
  }),
  importPatient: route({
    method: 'POST',
    path: '/v1/record-histories',
    summary: 'Take in a record with its past, as it was exported, opened',
    query: Exactly({}),
    body: rawBody,
    answer: PortableImportShape,
  }),
} as const
