//! Arrow messages: the schema, one row's message head and body, and the footer, as bytes that depend on their arguments
//! alone.
//!
//! Messages are built here rather than by arrow-ipc's writer, because that one copies a batch's body, and a section may
//! be as large as memory: here its data goes from the caller to the file.
//!
//! Source: <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>.

use std::{ops::Range, sync::Arc};

use arrow_ipc::{
    Block, Buffer, FieldNode, FooterBuilder, KeyValue, KeyValueBuilder, MessageBuilder, MessageHeader, MetadataVersion,
    RecordBatchBuilder, convert::IpcSchemaEncoder, root_as_footer,
};
use arrow_schema::{DataType, Field, Schema};
use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use super::{ALIGNMENT, Checksum, SectionInfo, SectionSpec};
use crate::{Coordinate, Error, Result};

/// The schema of every archive.
pub(super) fn schema() -> Schema {
    let item = Field::new("item", DataType::UInt64, false);
    Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("dtype", DataType::Utf8, false),
        Field::new("shape", DataType::List(Arc::new(item)), false),
        Field::new("coordinate", DataType::Binary, true),
        Field::new("checksum", DataType::FixedSizeBinary(16), false),
        Field::new("data", DataType::LargeBinary, false),
    ])
}

/// The schema's message, for a position of 8 in the file; it ends on a 64-byte boundary.
pub(super) fn schema_message() -> Result<Vec<u8>> {
    let mut builder = FlatBufferBuilder::new();
    let header = IpcSchemaEncoder::new().schema_to_fb_offset(&mut builder, &schema());
    frame(finish(&mut builder, MessageHeader::Schema, header.as_union_value(), 0), 8)
}

/// One row's message up to its data, and what comes after.
pub(super) struct Row {
    /// The message head and the body's columns, which end on a 64-byte boundary: the data follows.
    pub(super) head: Vec<u8>,
    /// How many of these bytes are the message head.
    metadata_length: usize,
    /// Zeros after the data, up to a 64-byte boundary.
    pub(super) padding: usize,
}

impl Row {
    /// The row of a section, for a position on a 64-byte boundary. The row holds the checksum of the data alone.
    pub(super) fn new(spec: &SectionSpec, data_length: usize, data_checksum: Checksum) -> Result<Self> {
        let mut body = Body::default();
        for text in [&spec.name, &spec.kind, &spec.dtype] {
            body.node(0);
            body.absent();
            body.offsets(text.len());
            body.buffer(text.as_bytes());
        }
        body.node(0);
        body.absent();
        body.offsets(spec.shape.len());
        body.nodes.push(FieldNode::new(spec.shape.len() as i64, 0));
        body.absent();
        body.buffer(&spec.shape.iter().flat_map(|extent| extent.to_le_bytes()).collect::<Vec<u8>>());
        body.node(i64::from(spec.coordinate.is_none()));
        match &spec.coordinate {
            None => body.buffer(&[0]),
            Some(_) => body.absent(),
        }
        let coordinate = spec.coordinate.as_ref().map_or(&[][..], Coordinate::as_bytes);
        body.offsets(coordinate.len());
        body.buffer(coordinate);
        body.node(0);
        body.absent();
        body.buffer(&data_checksum.0);
        body.node(0);
        body.absent();
        body.buffer(&[0_u64.to_le_bytes(), (data_length as u64).to_le_bytes()].concat());
        body.bytes.resize(body.bytes.len().next_multiple_of(ALIGNMENT), 0);
        body.buffers.push(Buffer::new(body.bytes.len() as i64, data_length as i64));
        let padding = data_length.next_multiple_of(ALIGNMENT) - data_length;
        let length = body.bytes.len() + data_length + padding;

        let mut builder = FlatBufferBuilder::new();
        let (nodes, buffers) = (builder.create_vector(&body.nodes), builder.create_vector(&body.buffers));
        let mut batch = RecordBatchBuilder::new(&mut builder);
        batch.add_length(1);
        batch.add_nodes(nodes);
        batch.add_buffers(buffers);
        let batch = batch.finish();
        let message = finish(&mut builder, MessageHeader::RecordBatch, batch.as_union_value(), length as i64);
        let mut head = frame(message, 0)?;
        let metadata_length = head.len();
        head.extend_from_slice(&body.bytes);
        Ok(Self { head, metadata_length, padding })
    }

    /// The footer's entry for the row's block at these positions.
    pub(super) fn block(&self, block: &Range<usize>) -> Block {
        let body_length = block.len() - self.metadata_length;
        Block::new(block.start as i64, self.metadata_length as i32, body_length as i64)
    }
}

/// The columns of one row before its data, with the nodes and buffers that describe them.
#[derive(Default)]
struct Body {
    nodes: Vec<FieldNode>,
    buffers: Vec<Buffer>,
    bytes: Vec<u8>,
}

impl Body {
    /// A column of one value.
    fn node(&mut self, nulls: i64) {
        self.nodes.push(FieldNode::new(1, nulls));
    }

    /// A validity buffer that is left out, because nothing is null.
    fn absent(&mut self) {
        self.buffer(&[]);
    }

    /// The two offsets of a column of one value.
    fn offsets(&mut self, length: usize) {
        self.buffer(&[0_u32.to_le_bytes(), (length as u32).to_le_bytes()].concat());
    }

    /// A buffer, on a boundary of eight bytes.
    fn buffer(&mut self, bytes: &[u8]) {
        self.buffers.push(Buffer::new(self.bytes.len() as i64, bytes.len() as i64));
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }
}

/// The footer over these blocks.
pub(super) fn footer(blocks: &[Block], metadata: &[(String, String)]) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let schema = IpcSchemaEncoder::new().schema_to_fb_offset(&mut builder, &schema());
    let (dictionaries, batches) = (builder.create_vector::<Block>(&[]), builder.create_vector(blocks));
    let entries: Vec<WIPOffset<KeyValue<'_>>> = metadata
        .iter()
        .map(|(key, value)| {
            let (key, value) = (builder.create_string(key), builder.create_string(value));
            let mut entry = KeyValueBuilder::new(&mut builder);
            entry.add_key(key);
            entry.add_value(value);
            entry.finish()
        })
        .collect();
    let entries = builder.create_vector(&entries);
    let mut footer = FooterBuilder::new(&mut builder);
    footer.add_version(MetadataVersion::V5);
    footer.add_schema(schema);
    footer.add_dictionaries(dictionaries);
    footer.add_recordBatches(batches);
    footer.add_custom_metadata(entries);
    let footer = footer.finish();
    builder.finish(footer, None);
    builder.finished_data().to_vec()
}

/// The metadata of a footer whose checksum holds, and whose blocks are those of the index: what an Arrow reader sees is
/// what the index says.
///
/// # Errors
/// Says in words what is wrong; the caller adds which file.
pub(super) fn read_footer(
    bytes: &[u8],
    sections: &[SectionInfo],
    index: &Range<usize>,
) -> Result<Vec<(String, String)>, String> {
    let footer = root_as_footer(bytes).map_err(|error| format!("the footer is no Arrow footer: {error}"))?;
    let blocks = sections.iter().map(|section| &section.block).chain([index]);
    let listed = footer.recordBatches().map_or(0, |batches| batches.len());
    let agrees = |(listed, block): (&Block, &Range<usize>)| {
        let length = i64::from(listed.metaDataLength()).checked_add(listed.bodyLength());
        usize::try_from(listed.offset()) == Ok(block.start)
            && length.and_then(|length| usize::try_from(length).ok()) == Some(block.len())
    };
    if listed != sections.len() + 1 || !footer.recordBatches().into_iter().flatten().zip(blocks).all(agrees) {
        return Err("the footer's blocks are not those of the index".into());
    }
    let text = |text: Option<&str>| text.map(str::to_owned).ok_or("the footer has metadata without a key or a value");
    let entries = footer.custom_metadata().into_iter().flatten();
    Ok(entries.map(|entry| Ok::<_, &str>((text(entry.key())?, text(entry.value())?))).collect::<Result<_, _>>()?)
}

/// The finished flatbuffer of a message.
fn finish<'a>(
    builder: &'a mut FlatBufferBuilder<'_>,
    kind: MessageHeader,
    header: WIPOffset<UnionWIPOffset>,
    body_length: i64,
) -> &'a [u8] {
    let mut message = MessageBuilder::new(builder);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(kind);
    message.add_header(header);
    message.add_bodyLength(body_length);
    let message = message.finish();
    builder.finish(message, None);
    builder.finished_data()
}

/// A message head at a position: continuation marker, length, flatbuffer, zeros up to a 64-byte boundary of the file.
fn frame(flatbuffer: &[u8], position: usize) -> Result<Vec<u8>> {
    let end = (position + 8 + flatbuffer.len()).next_multiple_of(ALIGNMENT);
    let length = i32::try_from(end - position - 8)
        .map_err(|_| Error::Exhausted(format!("an Arrow message head of {} bytes is over 2 GiB", flatbuffer.len())))?;
    let mut bytes = vec![0xff; 4];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(flatbuffer);
    bytes.resize(end - position, 0);
    Ok(bytes)
}
