//! From the logical node to its execution plan.

use super::{PredictExec, PredictNode, exec::PhysicalCall, narrow, narrow::Narrowed};
use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    common::internal_err,
    error::Result,
    execution::context::QueryPlanner,
    logical_expr::{LogicalPlan, UserDefinedLogicalNode, physical_planning_context::PhysicalPlanningContext},
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner},
};
use std::sync::Arc;

/// Plans [`PredictNode`]; one of the extension planners of a query planner.
#[derive(Debug, Default, Clone, Copy)]
pub struct PredictPlanner;

#[async_trait]
impl ExtensionPlanner for PredictPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        planning: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<PredictNode>() else { return Ok(None) };
        let [input] = physical_inputs else {
            return internal_err!("Predict takes one input, not {}", physical_inputs.len());
        };
        let schema = node.input.schema();
        let mut calls = Vec::with_capacity(node.calls.len());
        for call in &node.calls {
            let spans = narrow::spans(&node.input, &call.columns, call.guard.as_ref());
            let plan = |e| planner.create_physical_expr(e, schema, session, planning);
            calls.push(PhysicalCall {
                reference: call.reference.clone(),
                name: call.name.clone(),
                columns: call.columns.iter().map(plan).collect::<Result<_>>()?,
                guard: call.guard.as_ref().map(plan).transpose()?,
                narrowed: call.rows.narrowed(&spans).map(|narrowed| Arc::new(Narrowed::new(narrowed))),
                rows: call.rows.clone(),
            });
        }
        let files = session.runtime_env().cache_manager.get_file_metadata_cache();
        Ok(Some(Arc::new(PredictExec::try_new(input.clone(), Arc::new(calls), files)?)))
    }
}

/// DataFusion's own query planner with [`PredictPlanner`] among its extension planners.
#[derive(Default)]
pub struct PredictQueryPlanner {
    others: Vec<Arc<dyn ExtensionPlanner + Send + Sync>>,
}

impl PredictQueryPlanner {
    /// The planner with further extension planners.
    pub fn with_planners(others: Vec<Arc<dyn ExtensionPlanner + Send + Sync>>) -> Self {
        Self { others }
    }
}

impl std::fmt::Debug for PredictQueryPlanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PredictQueryPlanner").field("others", &self.others.len()).finish()
    }
}

#[async_trait]
impl QueryPlanner for PredictQueryPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let mut planners: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![Arc::new(PredictPlanner)];
        planners.extend(self.others.iter().cloned());
        DefaultPhysicalPlanner::with_extension_planners(planners).create_physical_plan(plan, session).await
    }
}
