/*
 * yaml-docs.h - a file of several YAML documents, one after the other.
 *
 *     struct sim_yaml_docs docs = sim_yaml_docs(text);
 *     while (sim_yaml_docs_next(&docs))
 *         use(docs.doc, docs.line);       // line of its first byte in the file, from 1
 */
#ifndef SIM_YAML_DOCS_H
#define SIM_YAML_DOCS_H

#include "common/buf/buf.h"

struct sim_yaml_docs {
    struct cmn_bytes rest;
    unsigned next_line;
    struct cmn_bytes doc;
    unsigned line;
};

struct sim_yaml_docs sim_yaml_docs(struct cmn_bytes text);
bool sim_yaml_docs_next(struct sim_yaml_docs *docs);

#endif
