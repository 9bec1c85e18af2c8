/**
 * Gives envelope and vault of this process an AEAD that copies; to be loaded before them.
 *
 * @module
 */

import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) => {
    const from = specifier === '#crypto' ? (context.parentURL ?? '') : ''
    const stand = /\/src\/(envelope|vault)\/[^/]+\.ts$/.exec(from)?.[1]
    if (stand === undefined) return next(specifier, context)
    const file = stand === 'envelope' ? './envelope.ts' : './aead.ts'
    return next(new URL(file, import.meta.url).href, context)
  },
})
