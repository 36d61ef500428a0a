//! Messages between the service and its views.
