/**
 * The side door `#kme/client`: what an application needs to ask a KME of any maker for keys, and
 * nothing of the KME itself. Published, with a connection, as the package's export `./client`.
 *
 * @see docs/reference/client.md
 * @module
 */

export type { SecretBytes } from '#base'
export {
  KmeClient,
  type KeyExtension,
  type KeysSought,
  type KeyWish,
  type KmeClientPatience,
  type KmeClientRequest,
  type KmeClientResponse,
  type KmeClientTransport,
} from './client.ts'
export type { ForeignStatus } from './client-answers.ts'
export { drop as dropForeignKeys, type ForeignKey } from './client-keys.ts'
export { KmeClientRefusal, type KmeClientRefusalCode } from './client-refusal.ts'
export type { JsonValue } from './json.ts'
