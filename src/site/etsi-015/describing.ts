/**
 * What the control interface says of itself: where it begins, its modules, its capabilities and its
 * stream.
 *
 * @see RFC 8040 §3.1, §3.3, §9; RFC 7895
 * @module
 */

import { NODE_MODULE, OWN_MODULE, TYPES, type YangObject } from './tree.ts'

/** RFC 6415, for clients that look for the root of the API. */
export const HOST_META =
  '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="restconf" href="/restconf"/></XRD>'

/** Revision of `ietf-yang-library` that the modules are listed by. */
export const YANG_LIBRARY = '2016-06-21'

export const STREAM_PATH = `/restconf/streams/${NODE_MODULE}`

/** The API resource (RFC 8040 §3.3). */
export const API_RESOURCE: YangObject = {
  'ietf-restconf:restconf': { data: {}, operations: {}, 'yang-library-version': YANG_LIBRARY },
}

const implemented = (name: string, revision: string, namespace: string): YangObject => ({
  ...{ name, revision, namespace },
  'conformance-type': 'implement',
})
const imported = (name: string, revision: string): YangObject => ({
  ...{ name, revision },
  namespace: `urn:ietf:params:xml:ns:yang:${name}`,
  'conformance-type': 'import',
})

const MODULES: readonly YangObject[] = [
  implemented(NODE_MODULE, '2022-01-30', 'urn:etsi:qkd:yang:etsi-qkd-node'),
  implemented(TYPES, '2022-01-30', 'urn:etsi:qkd:yang:etsi-qkd-node-types'),
  implemented(OWN_MODULE, '2026-11-21', `urn:photonward:yang:${OWN_MODULE}`),
  implemented(
    'ietf-restconf-monitoring',
    '2017-01-26',
    'urn:ietf:params:xml:ns:yang:ietf-restconf-monitoring',
  ),
  implemented('ietf-yang-library', YANG_LIBRARY, 'urn:ietf:params:xml:ns:yang:ietf-yang-library'),
  imported('ietf-restconf', '2017-01-26'),
  imported('ietf-yang-types', '2013-07-15'),
  imported('ietf-inet-types', '2013-07-15'),
]
/** Changes whenever the list does. */
const MODULE_SET = 'photonward-2026-11-21'

/** Modules that every client can read here, beside `qkd_node`. */
export const DESCRIBING_TREES: YangObject = {
  'ietf-yang-library:modules-state': { 'module-set-id': MODULE_SET, module: MODULES },
  'ietf-restconf-monitoring:restconf-state': {
    capabilities: {
      capability: [
        'urn:ietf:params:restconf:capability:defaults:1.0?basic-mode=explicit',
        'urn:ietf:params:restconf:capability:depth:1.0',
        'urn:ietf:params:restconf:capability:fields:1.0',
      ],
    },
    streams: {
      stream: [
        {
          name: NODE_MODULE,
          description: 'Notifications of ETSI GS QKD 015',
          'replay-support': false,
          access: [{ encoding: 'json', location: STREAM_PATH }],
        },
      ],
    },
  },
}
