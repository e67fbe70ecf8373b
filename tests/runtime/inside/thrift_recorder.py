"""Databricks' SQL protocol over plain HTTP: says every statement on stdout as a JSON line, and answers with no rows.

The service's own definition is the one that databricks-sql-connector carries.
"""

import json
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

SAYING = threading.Lock()
OK = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)


def _identifier():
    return ttypes.THandleIdentifier(guid=uuid.uuid4().bytes, secret=uuid.uuid4().bytes)


def _column(name, kind):
    described = ttypes.TTypeDesc([ttypes.TTypeEntry(primitiveEntry=ttypes.TPrimitiveTypeEntry(type=kind))])
    return ttypes.TColumnDesc(columnName=name, typeDesc=described, position=1)


def _direct_results(statement):
    """Of a test, that nothing failed; of anything else, no rows."""
    if "should_warn" in statement:
        kinds = {"failures": ttypes.TTypeId.INT_TYPE}
        kinds |= dict.fromkeys(("should_warn", "should_error"), ttypes.TTypeId.BOOLEAN_TYPE)
        no = ttypes.TColumn(boolVal=ttypes.TBoolColumn(values=[False], nulls=b"\0"))
        columns = [ttypes.TColumn(i32Val=ttypes.TI32Column(values=[0], nulls=b"\0")), no, no]
    else:
        kinds = {"nothing": ttypes.TTypeId.STRING_TYPE}
        columns = [ttypes.TColumn(stringVal=ttypes.TStringColumn(values=[], nulls=b"\0"))]
    schema = ttypes.TTableSchema([_column(name, kind) for name, kind in kinds.items()])
    return ttypes.TSparkDirectResults(
        operationStatus=ttypes.TGetOperationStatusResp(
            status=OK, operationState=ttypes.TOperationState.FINISHED_STATE, hasResultSet=True
        ),
        resultSetMetadata=ttypes.TGetResultSetMetadataResp(
            status=OK, schema=schema, resultFormat=ttypes.TSparkRowSetType.COLUMN_BASED_SET, isStagingOperation=False
        ),
        resultSet=ttypes.TFetchResultsResp(
            status=OK, hasMoreRows=False, results=ttypes.TRowSet(startRowOffset=0, rows=[], columns=columns)
        ),
        closeOperation=ttypes.TCloseOperationResp(status=OK),
    )


class Service:
    def OpenSession(self, request):  # noqa: N802
        return ttypes.TOpenSessionResp(
            status=OK,
            serverProtocolVersion=ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7,
            sessionHandle=ttypes.TSessionHandle(sessionId=_identifier()),
            initialNamespace=request.initialNamespace,
            canUseMultipleCatalogs=True,
        )

    def ExecuteStatement(self, request):  # noqa: N802
        with SAYING:
            print(json.dumps({"statement": request.statement}), flush=True)
        handle = ttypes.TOperationHandle(
            operationId=_identifier(), operationType=ttypes.TOperationType.EXECUTE_STATEMENT, hasResultSet=True
        )
        return ttypes.TExecuteStatementResp(
            status=OK, operationHandle=handle, directResults=_direct_results(request.statement)
        )

    def CloseSession(self, request):  # noqa: N802
        return ttypes.TCloseSessionResp(status=OK)

    def CloseOperation(self, request):  # noqa: N802
        return ttypes.TCloseOperationResp(status=OK)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    processor = TCLIService.Processor(Service())

    def do_POST(self):
        received = TMemoryBuffer(self.rfile.read(int(self.headers["Content-Length"])))
        answer = TMemoryBuffer()
        self.processor.process(TBinaryProtocol(received), TBinaryProtocol(answer))
        body = answer.getvalue()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-thrift")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_address[1]}), flush=True)
sys.stdin.close()
server.serve_forever()
