//! What the importer mends so that a model can be read, noted once for each kind and graph.
//!
//! Files of old or careless exporters break rules that other runtimes let pass. Where the file can mean only one thing it
//! is read as that, and a note says so: the archive keeps the notes, and `hologram inspect` shows them. What can mean two
//! things is an error, never a repair.

use hologram_resolver::plan::RepairRecord;
use std::collections::BTreeMap;

/// So many names are kept of each repair; the count tells how many there were.
const NAMES_MAX: usize = 8;

/// One way of mending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepairKind {
    /// A file before IR version 3 imports no operator set: it is read under version 1 of `ai.onnx`.
    OpsetAssumed,
    /// An input with an initialiser (a rule of IR version 3, a default after it) is a constant.
    InputIsConstant,
    /// An initialiser that stands twice with equal contents is read once.
    InitialiserRepeated,
    /// A node without a name, or with one that another node has, gets one.
    NodeNamed,
    /// A node that stands before one whose output it reads is moved after it.
    NodeMoved,
    /// A value of a subgraph has the name of one around it; inside, the inner one is meant.
    NameHidden,
    /// An output that nobody reads is not asked for.
    OutputUnused,
    /// A description of a value that nobody defines is left out.
    DescriptionUnused,
    /// A declared shape contradicts the operator's: the operator's holds.
    ShapeContradicted,
    /// A value that the file does not describe gets its type by inference.
    TypeInferred,
}

impl RepairKind {
    /// The repair in words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::OpsetAssumed => "no operator set is imported: version 1 is assumed",
            Self::InputIsConstant => "inputs with an initialiser are constants",
            Self::InitialiserRepeated => "initialisers that stand twice with equal contents are read once",
            Self::NodeNamed => "nodes without a name of their own are named",
            Self::NodeMoved => "nodes are moved after what they read",
            Self::NameHidden => "values hide values of the same name around their graph",
            Self::OutputUnused => "outputs that nobody reads are dropped",
            Self::DescriptionUnused => "descriptions of values that nobody defines are left out",
            Self::ShapeContradicted => "declared shapes that contradict their operator are replaced",
            Self::TypeInferred => "types that the file does not give are inferred",
        }
    }
}

/// The notes of one import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs(BTreeMap<(RepairKind, String), Note>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Note {
    count: u64,
    names: Vec<String>,
}

impl Repairs {
    /// Notes that the thing of this name in this graph was mended so.
    pub fn add(&mut self, kind: RepairKind, graph: &str, name: &str) {
        let note = self.0.entry((kind, graph.to_owned())).or_default();
        note.count += 1;
        if note.names.len() < NAMES_MAX {
            note.names.push(name.to_owned());
        }
    }

    /// How many things were mended so, in all graphs.
    pub fn count(&self, kind: RepairKind) -> u64 {
        self.0.iter().filter(|((k, _), _)| *k == kind).map(|(_, note)| note.count).sum()
    }

    /// What the archive keeps: by kind, then by graph.
    pub fn records(&self) -> Vec<RepairRecord> {
        let record = |((kind, graph), note): (&(RepairKind, String), &Note)| RepairRecord {
            what: kind.words().to_owned(),
            graph: graph.clone(),
            count: note.count,
            names: note.names.clone(),
        };
        self.0.iter().map(record).collect()
    }
}
